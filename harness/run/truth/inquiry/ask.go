package inquiry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/truth"
)

// Ask puts all questions to the kernel that this runs on. It takes root.
func Ask() (*truth.Report, error) {
	type answer struct {
		report *truth.Report
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

func ask() (_ *truth.Report, err error) {
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
	for _, q := range truth.Questions() {
		a, err := asks[q.Name](b)
		if err == nil {
			err = b.remove()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		b.answers = append(b.answers, truth.Answer{Name: q.Name, Answer: a})
	}
	r := &truth.Report{Schema: truth.Schema, Release: unix.ByteSliceToString(u.Release[:]), Answers: b.answers}
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
	r.Seal()
	return r, nil
}

// Serve answers in a guest whose payload is [truth.Payload].
func Serve(host io.Writer) int {
	r, err := Ask()
	reply := truth.Reply{Report: r}
	if err != nil {
		reply.Error = err.Error()
	}
	if err := json.NewEncoder(host).Encode(reply); err != nil {
		return 1
	}
	return 0
}
