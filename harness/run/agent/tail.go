package agent

import (
	"bytes"
	"strings"
	"sync"
)

const (
	tailBytes = 32 << 10
	tailLines = 12
)

// tail keeps the end of what an agent wrote to its standard error.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if cut := len(t.data) - tailBytes; cut > 0 {
		t.data = append(t.data[:0], t.data[cut:]...)
	}
	return len(b), nil
}

// summary returns the lines that tell the most, each after a line break, or nothing. Of a crash of the
// Go runtime those are the first ones, of any other text the last.
func (t *tail) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := bytes.TrimSpace(t.data)
	if len(text) == 0 {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			lines = lines[i:min(i+tailLines, len(lines))]
			break
		}
	}
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return ":\n\t" + strings.Join(lines, "\n\t")
}
