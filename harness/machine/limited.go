package machine

import (
	"errors"
	"io"
)

// How much a guest may say, in bytes. The record of an hour with fifty series takes 20 MB.
const (
	streamLimit = 64 << 20
	truthsLimit = 1 << 20
)

// limited passes on so many bytes at most.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errors.New("it is too long")
	}
	n, err := l.to.Write(p)
	l.left -= n
	return n, err
}
