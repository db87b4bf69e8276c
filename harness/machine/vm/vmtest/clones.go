package vmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/ruleout/ruleout/harness/machine/vm"
)

// run carries out the orders, as many at a time as there are processors, and shows what guests print in the order
// of the list. It returns the status of the first that failed.
func (o *orders) run(all context.Context, template *vm.Template) (status int, err error) {
	if len(o.list) == 0 {
		fmt.Fprintln(os.Stderr, "testing: warning: no tests to run")
	}
	ctx, stop := context.WithCancel(all)
	defer stop()
	runs := make([]*run, len(o.list))
	next := make(chan *run)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for r := range next {
				r.status, r.err = r.order.run(ctx, template, &r.log, o.profile)
				if o.failFast && (r.status != 0 || r.err != nil) {
					stop()
				}
				close(r.done)
			}
		})
	}
	for i, order := range o.list {
		runs[i] = &run{order: order, done: make(chan struct{})}
	}
	workers.Go(func() {
		defer close(next)
		for _, r := range runs {
			next <- r
		}
	})
	for _, r := range runs {
		r.log.show(os.Stdout)
		<-r.done
		r.log.end()
		switch {
		case r.err == nil:
		case all.Err() != nil:
			err = context.Cause(all)
		case ctx.Err() != nil: // another one has failed, and that is enough
		default:
			tell(r.err)
			r.status = max(r.status, 1)
		}
		if status == 0 {
			status = r.status
		}
	}
	workers.Wait()
	if status == 0 && err == nil {
		fmt.Println(o.chatty + "PASS")
	} else {
		fmt.Println(o.chatty + "FAIL")
	}
	return status, err
}

// run is one order on its way.
type run struct {
	order  order
	log    log
	done   chan struct{}
	status int
	err    error
}

// run carries out an order in a clone of its own.
func (o order) run(ctx context.Context, template *vm.Template, log io.Writer, profile string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err // no clone is started to be killed
	}
	payload, err := json.Marshal(o)
	if err != nil {
		return 1, err
	}
	clone := template.Command(payload)
	clone.Log = log
	if o.Cover {
		f, err := os.Create(profile)
		if err != nil {
			return 1, err
		}
		defer f.Close()
		clone.Output = f
	}
	err = clone.Run(ctx)
	if exit := (*vm.ExitError)(nil); errors.As(err, &exit) {
		return exit.Status, nil // the tests have told already why
	}
	return 0, err
}

// log keeps what a guest prints until it is this guest's turn, and from then on passes it on, line by line. The last
// line of a guest's tests is not shown: they are a part of the package's.
type log struct {
	mu   sync.Mutex
	kept []byte
	to   io.Writer
}

// Write takes what the guest prints.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	return len(p), l.pass()
}

// show begins this guest's turn.
func (l *log) show(to io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
	_ = l.pass()
}

// end shows what came without an end of line.
func (l *log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.to.Write(l.kept)
	l.kept = nil
}

func (l *log) pass() error {
	for l.to != nil {
		line, rest, whole := bytes.Cut(l.kept, []byte("\n"))
		if !whole {
			return nil
		}
		switch string(bytes.TrimPrefix(line, []byte("\x16"))) {
		case "PASS", "FAIL":
		default:
			if _, err := l.to.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		l.kept = rest
	}
	return nil
}
