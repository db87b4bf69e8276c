package mutant

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"strings"
)

// block is a stretch of source that is run as a whole, from line and column on.
type block struct {
	fromLine, fromColumn, toLine, toColumn, statements, count int
}

// coverage reads a profile of go test, and returns whether any test runs the line of a mutant. What is in no block,
// such as a constant, counts as run, and so does the line on which a block begins: the condition of a case stands
// there, which is run if the case is not.
func coverage(profile string) (func(*Mutant) bool, error) {
	f, err := os.Open(profile)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	defer f.Close()
	blocks := map[string][]block{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		file, rest, ok := strings.Cut(lines.Text(), ".go:")
		if !ok {
			continue
		}
		var b block
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.fromLine, &b.fromColumn, &b.toLine, &b.toColumn, &b.statements,
			&b.count); err != nil {
			return nil, fmt.Errorf("read coverage: %q: %w", lines.Text(), err)
		}
		name := path.Base(file) + ".go"
		blocks[name] = append(blocks[name], b)
	}
	return func(m *Mutant) bool {
		found := false
		for _, b := range blocks[path.Base(m.File)] {
			switch {
			case m.Line < b.fromLine || m.Line > b.toLine:
			case b.count > 0:
				return true
			case m.Line > b.fromLine:
				found = true
			}
		}
		return !found
	}, lines.Err()
}
