package box

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/scenario"
)

// warm makes requests over loopback. Each has to be answered with a status below 400.
func warm(w *scenario.Warm, port int) error {
	if w.Port > 0 {
		port = w.Port
	}
	turns := make(chan int, w.Requests)
	for i := range w.Requests {
		turns <- i
	}
	close(turns)
	var wg sync.WaitGroup
	errs := make([]error, w.Parallel)
	for n := range w.Parallel {
		wg.Go(func() {
			for i := range turns {
				if errs[n] = request(port, strings.ReplaceAll(w.Path, "{n}", strconv.Itoa(i))); errs[n] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("warm-up: GET %s: %w", w.Path, err)
		}
	}
	return nil
}

// request asks for a page. Package net would bring a resolver into the program, which is in each machine's memory.
func request(port int, path string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return errors.Join(fmt.Errorf("connect to port %d: %w", port, err), unix.Close(fd))
	}
	if err := unix.SetNonblock(fd, true); err != nil { // waited for by the runtime's poller
		return errors.Join(err, unix.Close(fd))
	}
	conn := os.NewFile(uintptr(fd), "connection")
	defer conn.Close()
	if _, err := fmt.Fprintf(conn,
		"GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ruleout-warm\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	if f := strings.Fields(line); len(f) < 2 || len(f[1]) != 3 || f[1] >= "400" {
		return errors.New("the answer is " + strings.TrimSpace(line))
	}
	_, err = io.Copy(io.Discard, r)
	return err
}
