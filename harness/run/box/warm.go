package box

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/ruleout/ruleout/harness/scenario"
)

// warm makes requests over loopback. Each has to be answered with a status below 400.
func warm(w *scenario.Warm, port int) error {
	if w.Port > 0 {
		port = w.Port
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
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
				if errs[n] = request(address, strings.ReplaceAll(w.Path, "{n}", strconv.Itoa(i))); errs[n] != nil {
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

func request(address, path string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ruleout-warm\r\nConnection: close\r\n\r\n", path); err != nil {
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
