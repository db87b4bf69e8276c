package box

import (
	"os"
	"sync"

	"github.com/ruleout/ruleout/harness/run/agent"
)

// Bounds of what is kept of a program's output, bytes: its beginning and its end. A line is cut at lineLimit.
const (
	headLimit = 32 << 10
	tailLimit = 32 << 10
	lineLimit = 2 << 10
)

// output keeps what a program writes, line by line.
type output struct {
	mu      sync.Mutex
	head    []Line
	tail    []Line
	headed  int // bytes in head
	tailed  int // bytes in tail
	dropped int64
}

// follow reads one stream to its end.
func (o *output) follow(r *os.File, isError bool) {
	defer r.Close()
	buf := make([]byte, 32<<10)
	var line []byte
	for {
		n, err := r.Read(buf)
		now := agent.Now()
		for _, c := range buf[:n] {
			if c == '\n' {
				o.add(Line{now, isError, string(line)})
				line = line[:0]
				continue
			}
			if line = append(line, c); len(line) == lineLimit {
				o.add(Line{now, isError, string(line)})
				line = line[:0]
			}
		}
		if err != nil {
			if len(line) > 0 {
				o.add(Line{now, isError, string(line)})
			}
			return
		}
	}
}

func (o *output) add(l Line) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size := len(l.Text) + 1
	if len(o.tail) == 0 && o.headed+size <= headLimit {
		o.head = append(o.head, l)
		o.headed += size
		return
	}
	o.tail = append(o.tail, l)
	o.tailed += size
	for o.tailed > tailLimit {
		first := len(o.tail[0].Text) + 1
		o.tailed -= first
		o.dropped += int64(first)
		o.tail = o.tail[1:]
	}
}

// lines returns what is kept.
func (o *output) lines() (list []Line, dropped int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(append([]Line{}, o.head...), o.tail...), o.dropped
}

// last returns the last n lines as text.
func (o *output) last(n int) (text string) {
	list, _ := o.lines()
	for _, l := range list[max(0, len(list)-n):] {
		text += "\n\t" + l.Text
	}
	return text
}
