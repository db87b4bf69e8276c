package scenario

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/problem"
)

// Mistake is something that a [Check] finds wrong.
type Mistake struct {
	// Path of the value, such as expect[0].
	Path string
	// Offset and Length in bytes of the part of the value that is wrong; 0 and 0 for all of it.
	Offset, Length int
	Msg, Hint      string
}

// Check looks at a scenario for what this package cannot know, and reports what is
// wrong in the scenario's own terms; it is shown with file, line and column. The
// scenario may have other mistakes, which are reported without the check's help.
type Check func(s *Scenario, report func(Mistake))

// Load reads the scenario at path; see [Parse].
func Load(path string, set []string, checks ...Check) (*Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read scenario: %w", err), "")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read scenario: %w", err), "")
	}
	return Parse(path, data, set, checks...)
}

// Parse reads a scenario from data, which name stands for in messages, works the --set
// arguments PATH=VALUE in, fills in defaults and validates the whole. The error is of
// kind [problem.Usage] and holds an [*Errors] with everything that is wrong.
func Parse(name string, data []byte, set []string, checks ...Check) (*Scenario, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark is harmless, but would shift columns
	main := newText(name, data, 0)
	root, e := read(main, data)
	if e != nil {
		return nil, (&Errors{List: []*Error{e}}).err()
	}
	t := &tree{main: main, root: root, from: map[*yaml.Node]*text{}}
	d := newDecoder(t)
	for i, arg := range set {
		if e := t.set(arg, i+1); e != nil {
			d.errs.add(e)
		}
	}
	s := new(Scenario)
	if isNull(root) {
		d.errs.add(main.errorAt(1, 1, 1, "empty", "a scenario needs at least: version, name, duration, nodes"))
		return nil, d.errs.err()
	}
	d.value(root, reflect.ValueOf(s).Elem(), "", nil)
	if root.Kind == yaml.MappingNode {
		s.fill()
		s.validate(d, checks)
	}
	if err := d.errs.err(); err != nil {
		return nil, err
	}
	return s, nil
}
