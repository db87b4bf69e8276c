package status

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bufferSize is the longest answer, bytes.
const bufferSize = 64 << 10

// conn is a connection to a program. The runtime's poller waits for it, and costs a thread nothing meanwhile. Package
// net would bring a resolver into the program.
type conn struct {
	file *os.File
	fd   int // of file, whose method Fd would make it block
	look [1]unix.PollFd
	buf  []byte // of bufferSize
	have int    // of buf, what has come and is not used
}

// dial connects to a Unix socket, or says at once that it cannot.
func (c *conn) dial(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return errors.Join(fmt.Errorf("connect to %s: %w", path, err), unix.Close(fd))
	}
	c.file, c.fd, c.have = os.NewFile(uintptr(fd), path), fd, 0
	return nil
}

func (c *conn) isOpen() bool { return c.file != nil }

func (c *conn) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

// within sets how long what follows may take.
func (c *conn) within(limit time.Time) error { return c.file.SetDeadline(limit) }

// send writes all of b.
func (c *conn) send(b []byte) error {
	_, err := c.file.Write(b)
	return err
}

// until reads until what has come begins with a whole answer. whole returns its length, 0 while more has to come.
func (c *conn) until(whole func(b []byte) (int, error)) error {
	for {
		if c.have > 0 {
			n, err := whole(c.buf[:c.have])
			if err != nil {
				return err
			}
			if n > 0 {
				c.have = copy(c.buf, c.buf[n:c.have])
				return nil
			}
		}
		if c.have == len(c.buf) {
			return malformed("it is too long")
		}
		n, err := c.file.Read(c.buf[c.have:])
		c.have += n
		if err != nil {
			return err
		}
	}
}

// reason puts an error of a connection into words that are the same in each run.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer before the next reading"
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return "the program closed the connection"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return "nothing listens on its socket"
	case errors.Is(err, unix.EAGAIN):
		return "the queue of its socket is full"
	}
	return err.Error()
}

// ended tells whether the program has closed the connection, on which nothing is due.
func (c *conn) ended() bool {
	c.look[0] = unix.PollFd{Fd: int32(c.fd), Events: unix.POLLRDHUP}
	n, err := unix.Poll(c.look[:], 0)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}
