package status

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Source is a program whose status is read.
type Source struct {
	// Program is its name on the node.
	Program string `json:"program"`
	// Kind of the program, one of [metric.StatusKinds].
	Kind string `json:"kind"`
	// Socket is the path of the Unix socket on which it answers.
	Socket string `json:"socket"`
}

// language is how a program is asked.
type language interface {
	// greet says what has to be said at the beginning of a connection.
	greet(c *conn) error
	// question is what is sent for each reading.
	question() []byte
	// answer looks for a whole answer at the beginning of what has come, and puts its figures where they belong. It
	// returns the length of the answer, 0 while more has to come.
	answer(b []byte, into []int64) (n int, err error)
	// own is what a question adds to the figures, what a connection adds to them, and what is in the levels because of the
	// reading that goes on.
	own() (question, connection, level []int64)
}

// errAnswer is an answer that is none.
var errAnswer = errors.New("the answer is no status")

func malformed(what string) error { return fmt.Errorf("%w: %s", errAnswer, what) }

// languages by kind.
func languageOf(kind string) (language, error) {
	switch kind {
	case "fpm":
		return newFastCGI(), nil
	case "nginx":
		return new(nginx), nil
	case "mariadb":
		return newMariaDB(), nil
	case "redis":
		return new(redis), nil
	case "haproxy":
		return new(haproxy), nil
	}
	return nil, fmt.Errorf("no status of %q is known", kind)
}

// sparse are figures of a kind by name; the others are 0.
func sparse(kind string, values map[string]int64) []int64 {
	list := metric.Status(kind)
	out := make([]int64, len(list))
	for i, f := range list {
		out[i] = values[f.Name]
	}
	return out
}

// place is the index of a figure of a kind.
func place(kind, name string) int {
	for i, f := range metric.Status(kind) {
		if f.Name == name {
			return i
		}
	}
	panic("no figure " + name)
}

// number reads digits and nothing else, blanks around them apart. What does not fit is refused.
func number(b []byte) (n int64, ok bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// line takes the first line off, without its end. ok is false if there is no whole line.
func line(b []byte) (text, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, b, false
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), b[i+1:], true
}

// marks has a bit for each figure that was read. What is read twice is not taken for two.
type marks uint64

// whole are the marks of so many figures.
func whole(figures int) marks { return 1<<figures - 1 }

// keyed reads lines "key: value" and puts the values where keys stand in list; found marks those that there were.
func keyed(text []byte, list []string, into []int64) (found marks, err error) {
	for len(text) > 0 {
		l, rest, ok := line(text)
		if !ok {
			l, rest = text, nil
		}
		text = rest
		colon := bytes.IndexByte(l, ':')
		if colon < 0 {
			continue
		}
		for i, key := range list {
			if string(l[:colon]) != key {
				continue
			}
			n, ok := number(l[colon+1:])
			if !ok {
				return found, malformed(key + " is no number")
			}
			into[i] = n
			found |= 1 << i
		}
	}
	return found, nil
}

// sources are what the program calls the figures of a kind.
func sources(kind string) (names []string) {
	for _, f := range metric.Status(kind) {
		names = append(names, f.From)
	}
	return names
}
