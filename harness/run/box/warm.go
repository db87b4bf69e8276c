package box

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// warm makes requests over loopback. Each has to be answered with a status below 400, and all of them in the time that
// the warm-up has. They share what each needs, since the box collects no garbage: see TestWarmUpMakesLittleGarbage.
func warm(w *scenario.Warm, port int) error {
	if w.Port > 0 {
		port = w.Port
	}
	limit := time.Now().Add(w.Patience())
	var next, answered atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, max(w.Parallel, 1))
	for n := range errs {
		wg.Go(func() {
			v := visitor{port: port, name: fmt.Sprint("port ", port), limit: limit, reader: bufio.NewReaderSize(nil, 4<<10)}
			for i := next.Add(1) - 1; i < int64(w.Requests); i = next.Add(1) - 1 {
				if errs[n] = v.ask(w.Path, int(i)); errs[n] != nil {
					errs[n] = fmt.Errorf("warm-up: GET %s: %w", scenario.Page(w.Path).Append(nil, int(i)), errs[n])
					next.Store(int64(w.Requests)) // the others need not go on
					return
				}
				answered.Add(1)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return problem.Wrap(problem.Usage, fmt.Errorf("%w: %d of %d requests were answered in %v", err, answered.Load(),
				w.Requests, w.Patience()), "warm.within gives it more time")
		case err != nil:
			return err
		}
	}
	return nil
}

// visitor makes requests, one after the other.
type visitor struct {
	port    int
	name    string
	limit   time.Time
	request []byte
	reader  *bufio.Reader
}

// ask asks for a page. Package net would bring a resolver into the program, which is in each machine's memory.
func (v *visitor) ask(path string, i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	address := unix.SockaddrInet4{Port: v.port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(fd, &address); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return errors.Join(fmt.Errorf("connect to %s: %w", v.name, err), unix.Close(fd))
	}
	conn := os.NewFile(uintptr(fd), v.name) // waited for by the runtime's poller
	defer conn.Close()
	if err := conn.SetDeadline(v.limit); err != nil {
		return err
	}
	v.request = append(v.request[:0], "GET "...)
	v.request = scenario.Page(path).Append(v.request, i)
	v.request = append(v.request, " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ruleout-warm\r\n"...)
	v.request = append(v.request, "Connection: close\r\n\r\n"...)
	if _, err := conn.Write(v.request); err != nil { // it waits for the connection, and has room for a request then
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("connect to %s: %w", v.name, err)
	}
	v.reader.Reset(conn)
	line, err := v.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	_, rest := word(line)
	if status, _ := word(rest); len(status) != 3 || status[0] >= '4' {
		return fmt.Errorf("the answer is %s", line[:len(line)-1])
	}
	for err == nil {
		_, err = v.reader.Discard(v.reader.Size())
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
