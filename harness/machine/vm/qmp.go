package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// monitor speaks QMP, QEMU's control protocol (docs/interop/qmp-spec in its source), as far
// as templates and clones need it. It is not safe for concurrent use.
type monitor struct {
	conn   *net.UnixConn
	dec    *json.Decoder
	events []event // that no caller has waited for yet
	// guestEnded says that the guest ended the machine: it reset it or switched it off. A signal or a command to QEMU to
	// quit does not come from the guest.
	guestEnded bool
}

type event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// response is any message from QEMU.
type response struct {
	event
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Greeting json.RawMessage `json:"QMP"`
}

// errGone says that QEMU closed the connection, which it does when it ends.
var errGone = errors.New("QEMU is gone")

// newMonitor speaks over one end of a socket pair. The conversation begins with [monitor.greet].
func newMonitor(f *os.File) (*monitor, error) {
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("talk to QEMU: %w", err)
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		return nil, errors.New("talk to QEMU: not a Unix socket")
	}
	return &monitor{conn: unixConn, dec: json.NewDecoder(unixConn)}, nil
}

func (m *monitor) close() error { return m.conn.Close() }

// greet reads QEMU's greeting and leaves the negotiation.
func (m *monitor) greet() error {
	r, err := m.read()
	if err != nil {
		return err
	}
	if r.Greeting == nil {
		return errors.New("talk to QEMU: it does not greet")
	}
	return m.command("qmp_capabilities", nil, nil)
}

// command executes one command and decodes what it returns into result, unless that is nil.
func (m *monitor) command(name string, arguments map[string]any, result any) error {
	request := map[string]any{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := m.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("QMP %s: %w", name, errors.Join(errGone, err))
	}
	return m.answer(name, result)
}

// pass gives QEMU a descriptor, for use under a name.
func (m *monitor) pass(name string, f *os.File) error {
	line := fmt.Sprintf("{\"execute\":\"getfd\",\"arguments\":{\"fdname\":%q}}\n", name)
	if _, _, err := m.conn.WriteMsgUnix([]byte(line), unix.UnixRights(int(f.Fd())), nil); err != nil {
		return fmt.Errorf("QMP getfd: %w", errors.Join(errGone, err))
	}
	return m.answer("getfd", nil)
}

// answer reads the answer to a command, and keeps the events that come before it.
func (m *monitor) answer(name string, result any) error {
	for {
		r, err := m.read()
		switch {
		case err != nil:
			return fmt.Errorf("QMP %s: %w", name, err)
		case r.Error != nil:
			return fmt.Errorf("QMP %s: %s", name, r.Error.Desc)
		case r.Name != "":
			m.events = append(m.events, r.event)
		case result != nil:
			return json.Unmarshal(r.Return, result)
		default:
			return nil
		}
	}
}

// wait returns the data of the next event of that name for which ok holds; nil holds for all.
func (m *monitor) wait(name string, ok func(data json.RawMessage) (bool, error)) error {
	for {
		for len(m.events) > 0 {
			e := m.events[0]
			m.events = m.events[1:]
			if e.Name != name {
				continue
			}
			if ok == nil {
				return nil
			}
			if done, err := ok(e.Data); done || err != nil {
				return err
			}
		}
		r, err := m.read()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", name, err)
		}
		if r.Name != "" {
			m.events = append(m.events, r.event)
		}
	}
}

// migrated waits for the end of a migration in either direction.
func (m *monitor) migrated() error {
	return m.wait("MIGRATION", func(data json.RawMessage) (bool, error) {
		var state struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(data, &state); err != nil {
			return false, err
		}
		switch state.Status {
		case "failed", "cancelled":
			return false, fmt.Errorf("the machine's state was not transferred: %s", state.Status)
		}
		return state.Status == "completed", nil
	})
}

// ignoreShared makes a migration leave the memory file alone, and announce its end.
func (m *monitor) ignoreShared() error {
	return m.command("migrate-set-capabilities", map[string]any{"capabilities": []map[string]any{
		{"capability": "x-ignore-shared", "state": true},
		{"capability": "events", "state": true},
	}}, nil)
}

func (m *monitor) read() (*response, error) {
	r := &response{}
	if err := m.dec.Decode(r); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errGone
		}
		if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
			return nil, err
		}
		return nil, errors.Join(errGone, err)
	}
	if r.Name == "SHUTDOWN" { // docs/interop/qemu-qmp-ref, since 4.0 with its cause
		var cause struct{ Guest bool }
		m.guestEnded = json.Unmarshal(r.Data, &cause) == nil && cause.Guest
	}
	return r, nil
}
