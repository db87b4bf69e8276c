package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// kind of a message.
type kind string

const (
	configMessage kind = "config" // parent → agent: Body is the role's configuration, Tally how many counters are shared
	beginMessage  kind = "begin"  // parent → agent: Begin
	stopMessage   kind = "stop"   // parent → agent
	readyMessage  kind = "ready"  // agent → parent
	resultMessage kind = "result" // agent → parent: Body is the role's result
	errorMessage  kind = "error"  // agent → parent: Error, Problem, Hint

	proceedMessage kind = "proceed" // parent → agent, which answers that it is ready
)

type message struct {
	Kind    kind            `json:"kind"`
	Body    json.RawMessage `json:"body,omitempty"`
	Tally   int             `json:"tally,omitempty"`
	Begin   Beginning       `json:"begin,omitzero"`
	Error   string          `json:"error,omitempty"`
	Problem problem.Kind    `json:"problem,omitempty"`
	Hint    string          `json:"hint,omitempty"`
}

// frameLimit bounds what one side makes the other allocate.
const frameLimit = 256 << 20

// send writes a message as one frame: its length in 4 bytes, big-endian, then JSON.
func send(w io.Writer, m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s message: %w", m.Kind, err)
	}
	if len(body) > frameLimit {
		return fmt.Errorf("send %s message: %d bytes, more than %d", m.Kind, len(body), frameLimit)
	}
	// One write, so that frames of two senders cannot mix while they fit the pipe.
	frame := append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...)
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("send %s message: %w", m.Kind, err)
	}
	return nil
}

// receive reads a message; io.EOF means that the other side closed between two messages.
func receive(r io.Reader) (message, error) {
	var m message
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return m, io.EOF
		}
		return m, fmt.Errorf("receive message: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > frameLimit {
		return m, fmt.Errorf("receive message: %d bytes, more than %d", size, frameLimit)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return m, fmt.Errorf("receive message: %w", err)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("decode message: %w", err)
	}
	return m, nil
}
