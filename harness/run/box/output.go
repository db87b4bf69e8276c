package box

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/run/agent"
)

// Bounds of what is kept of a program's output, bytes: its beginning and its end. A line counts as lineCost more than
// its text has, and is cut at lineLimit.
const (
	headLimit = 32 << 10
	tailLimit = 32 << 10
	lineLimit = 2 << 10
	lineCost  = 16
)

// rest is how long a reader sleeps after it has read: to wake it for each line would cost a program that writes many
// more than the writing does. So the first line after a silence has its time, and others are up to so much late.
const rest = time.Millisecond

// output keeps what a program writes, line by line. An agent collects no garbage, so a program that writes without end
// must not make any: texts of the end go round in a buffer.
type output struct {
	seek []byte // a text to look for; empty for none

	mu      sync.Mutex
	open    [2]unfinished // of standard output and of standard error
	found   bool          // seek stood in a line
	head    []Line
	headed  int    // of headLimit
	tail    []mark // from first on
	first   int
	tailed  int // of tailLimit
	ring    []byte
	next    int // where the next text goes in ring
	dropped int64
}

// unfinished is a line whose end has not come yet.
type unfinished struct {
	at   int64 // when its last part came
	text []byte
}

// mark is a line whose text is in the ring.
type mark struct {
	at         int64
	isError    bool
	from, size int
}

// follow reads one stream to its end.
func (o *output) follow(r *os.File, isError bool) {
	defer r.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		o.take(agent.Now(), isError, buf[:n], err != nil)
		if err != nil {
			return
		}
		time.Sleep(rest)
	}
}

// take cuts what was read into lines. At the end of a stream, what has no end of line is a line too.
func (o *output) take(now int64, isError bool, read []byte, end bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := &o.open[0]
	if isError {
		line = &o.open[1]
	}
	if line.text == nil {
		line.text = make([]byte, 0, lineLimit)
	}
	line.at = now
	for _, c := range read {
		if c != '\n' {
			line.text = append(line.text, c)
		}
		if c == '\n' || len(line.text) == lineLimit {
			o.add(now, isError, line.text)
			line.text = line.text[:0]
		}
	}
	if end && len(line.text) > 0 {
		o.add(now, isError, line.text)
		line.text = line.text[:0]
	}
}

// add keeps a line of at most lineLimit; the lock is held.
func (o *output) add(at int64, isError bool, text []byte) {
	o.found = o.found || len(o.seek) > 0 && bytes.Contains(text, o.seek)
	cost := len(text) + lineCost
	if len(o.tail) == 0 && o.headed+cost <= headLimit {
		o.head = append(o.head, Line{at, isError, string(text)})
		o.headed += cost
		return
	}
	if o.ring == nil {
		// Nothing of the last tailLimit is overwritten, although no text is in two pieces.
		o.ring, o.tail = make([]byte, tailLimit+lineLimit), make([]mark, 0, 4*tailLimit/lineCost)
	}
	if o.next+len(text) > len(o.ring) {
		o.next = 0
	}
	for o.tailed += cost; o.tailed > tailLimit; o.first++ {
		o.tailed -= o.tail[o.first].size + lineCost
		o.dropped += int64(o.tail[o.first].size) + 1
	}
	if len(o.tail) == cap(o.tail) {
		o.tail = o.tail[:copy(o.tail, o.tail[o.first:])]
		o.first = 0
	}
	copy(o.ring[o.next:], text)
	o.tail = append(o.tail, mark{at, isError, o.next, len(text)})
	o.next += len(text)
}

// lines returns what is kept, and the beginnings of lines that have no end yet.
func (o *output) lines() (list []Line, dropped int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list = append(list, o.head...)
	for _, m := range o.tail[o.first:] {
		list = append(list, Line{m.at, m.isError, string(o.ring[m.from : m.from+m.size])})
	}
	for i, u := range o.open {
		if len(u.text) > 0 {
			list = append(list, Line{u.at, i == 1, string(u.text)})
		}
	}
	return list, o.dropped
}

// has tells whether a line had the text that was looked for.
func (o *output) has() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found
}

// last returns the last n lines as text; where a Go program says why it ends, that and what follows.
func (o *output) last(n int) string {
	list, _ := o.lines()
	first := max(0, len(list)-n)
	for i, l := range list {
		if strings.HasPrefix(l.Text, "panic: ") || strings.HasPrefix(l.Text, "fatal error: ") {
			first = min(first, i)
		}
	}
	var text strings.Builder
	for _, l := range list[first:min(len(list), first+n)] {
		text.WriteString("\n\t" + l.Text)
	}
	return text.String()
}
