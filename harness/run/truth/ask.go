package truth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"
)

// Ask puts all questions to the kernel that this runs on. It takes root.
func Ask() (*Report, error) {
	type answer struct {
		report *Report
		err    error
	}
	done := make(chan answer)
	go func() {
		// The thread stays in a namespace of its own and ends with the goroutine.
		runtime.LockOSThread()
		r, err := ask()
		done <- answer{r, err}
	}()
	a := <-done
	if a.err != nil {
		return nil, fmt.Errorf("ask the kernel about netem: %w", a.err)
	}
	return a.report, nil
}

func ask() (_ *Report, err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("create namespace: %w", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("read the kernel's name: %w", err)
	}
	b, err := newBench()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, q := range questions {
		a, err := q.ask(b)
		if err == nil {
			err = b.remove()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		b.answers = append(b.answers, Answer{q.Name, a})
	}
	r := &Report{Schema: Schema, Release: unix.ByteSliceToString(u.Release[:]), Answers: b.answers}
	// The relay is in the way of trains.
	if err := errors.Join(b.Close()); err != nil {
		return nil, err
	}
	if b, err = newBench(); err != nil {
		return nil, err
	}
	b.answers = r.Answers
	if r.Trains, err = b.sendTrains(); err != nil {
		return nil, err
	}
	r.seal()
	return r, nil
}

// Payload is what a guest gets that is to answer.
const Payload = `{"ask":"netem"}`

// Serve answers in a guest whose payload is [Payload].
func Serve(host io.Writer) int {
	r, err := Ask()
	reply := reply{Report: r}
	if err != nil {
		reply.Error = err.Error()
	}
	if err := json.NewEncoder(host).Encode(reply); err != nil {
		return 1
	}
	return 0
}

// reply is what a guest says.
type reply struct {
	Report *Report `json:"report,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Receive reads what [Serve] wrote.
func Receive(b []byte) (*Report, error) {
	var r reply
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read what the guest says of netem: %w", err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	if r.Report == nil || r.Report.Schema != Schema {
		return nil, errors.New("the guest says nothing of netem")
	}
	return r.Report, nil
}
