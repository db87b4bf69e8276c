package vm

import (
	"regexp"
	"strings"
)

// tail is an io.Writer that keeps the last bytes written to it.
type tail struct{ b []byte }

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > tailSize {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return string(t.b[max(0, len(t.b)-tailSize):])
}

// lastLines returns the last n lines of text that are not empty, without carriage returns.
func lastLines(text string, n int) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = steering.ReplaceAllString(line, "")
		if line = strings.TrimRight(line, "\r\n\t "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

// steering matches what steers a terminal: sequences that begin with ESC, and single characters.
var steering = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[^\[])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]`)
