package expect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Expr is a compiled expectation.
type Expr struct {
	text string
	root *node
	left *node // of the first comparison
}

// errMissing is a metric without a value; its text gets the name in front.
var errMissing = errors.New("was not recorded")

// Compile parses an expectation and checks its names against the scenario and its
// units. The error is an [*problem.Mistake].
func Compile(expr string, s *scenario.Scenario) (*Expr, error) {
	p := &parser{text: expr, names: newNames(s)}
	root, err := p.condition()
	if err != nil {
		return nil, err
	}
	return &Expr{text: expr, root: root, left: p.left}, nil
}

// String returns the expectation as it was written.
func (e *Expr) String() string { return e.text }

// Eval decides the expectation over the metrics that lookup knows. lhs is the value of
// the left-hand side of the first comparison in the text, in base units. The error says
// which metric was not recorded, has no value (NaN) or that something was divided by zero.
func (e *Expr) Eval(lookup func(name string) (float64, bool)) (ok bool, lhs float64, err error) {
	l := &lookups{number: lookup}
	lhs, err = e.left.eval(l)
	if err != nil {
		return false, 0, fmt.Errorf("evaluate %q: %w", e.text, err)
	}
	v, err := e.root.eval(l)
	if err != nil {
		return false, lhs, fmt.Errorf("evaluate %q: %w", e.text, err)
	}
	return v != 0, lhs, nil
}

// Check compiles the expectations of a scenario that is being loaded.
func Check(s *scenario.Scenario, report func(problem.Mistake)) {
	for i, x := range s.Expect {
		_, err := Compile(string(x), s)
		var e *problem.Mistake
		if errors.As(err, &e) {
			m := *e
			m.Path = fmt.Sprintf("expect[%d]", i)
			report(m)
		}
	}
}

// A File is a scenario file, read once; see [scenario.File].
type File struct{ *scenario.File }

// Open reads the file at path.
func Open(path string) (File, error) {
	f, err := scenario.Open(path)
	return File{f}, err
}

// With is the scenario with settings PATH=VALUE, and with the expectations checked as well.
func (f File) With(set []string) (*scenario.Scenario, error) { return f.File.With(set, Check) }

// Load is [Open] and [File.With].
func Load(path string, set []string) (*scenario.Scenario, error) {
	return scenario.Load(path, set, Check)
}

// Distinct is a scenario as its file has it, among some that have different names.
type Distinct struct {
	File
	Plain *scenario.Scenario
}

// OpenDistinct reads scenario files, in their order. Two scenarios of the same name are an error of kind
// [problem.Usage].
func OpenDistinct(paths []string) (list []Distinct, err error) {
	byName := map[string]string{}
	for _, path := range paths {
		f, err := Open(path)
		if err != nil {
			return nil, err
		}
		s, err := f.With(nil)
		if err != nil {
			return nil, err
		}
		if other, there := byName[s.Name]; there {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("%s and %s are both called %s", other, path, s.Name),
				"results are compared by the scenario's name: give one of them another name")
		}
		byName[s.Name] = path
		list = append(list, Distinct{f, s})
	}
	return list, nil
}

// Parse is [scenario.Parse] with the expectations checked as well.
func Parse(name string, data []byte, set []string) (*scenario.Scenario, error) {
	return scenario.Parse(name, data, set, Check)
}

// node is a part of an expression with what is needed to check its units.
type node struct {
	eval    func(l *lookups) (float64, error)
	unit    dimension
	at, end int
	logic   bool // a condition: 1 or 0
	zero    bool // the literal 0, which goes with every unit
	percent bool // a literal in per cent
	share   bool // of a whole: a metric, or a sum of such
	number  bool // a literal without a unit
	count   string
	word    *Field // a field with words, which has no number
}

// lookups are where names have their values.
type lookups struct {
	number func(name string) (float64, bool)
	word   func(name string) string // only with fields that have words
	// missing says that a condition may be decided by one of its sides while the other has no value.
	missing bool
}

// dimension is a product of powers of seconds, bytes and bits.
type dimension struct{ s, byte, bit int }

func (u dimension) String() string {
	switch u {
	case dimension{}:
		return "a plain number"
	case dimension{s: 1}:
		return "a duration"
	case dimension{s: -1}:
		return "a frequency"
	case dimension{byte: 1}:
		return "a size"
	case dimension{bit: 1, s: -1}:
		return "a rate"
	}
	return fmt.Sprintf("s^%d·B^%d·bit^%d", u.s, u.byte, u.bit)
}

// example of a literal with the unit, for hints.
func (u dimension) example(number string) string {
	switch u {
	case dimension{s: 1}:
		return "such as " + number + "ms or " + number + "s"
	case dimension{s: -1}:
		return "such as " + number + "/s"
	case dimension{byte: 1}:
		return "such as " + number + "kB or " + number + "MiB"
	case dimension{bit: 1, s: -1}:
		return "such as " + number + "mbit"
	}
	return ""
}

func constant(v float64) func(*lookups) (float64, error) {
	return func(*lookups) (float64, error) { return v, nil }
}

// statusKind is the kind of program whose status a name of a metric, without the node, is of; "" for another metric.
func statusKind(of string) string {
	if kind, _, _ := strings.Cut(of, "."); slices.Contains(metric.StatusKinds(), kind) {
		return kind
	}
	return ""
}

func variable(name string) func(*lookups) (float64, error) {
	_, of, _ := strings.Cut(name, ".")
	return func(l *lookups) (float64, error) {
		v, ok := l.number(name)
		switch {
		case !ok && strings.HasPrefix(name, "fault."):
			return 0, fmt.Errorf("%s %w: the fault chose fewer packets", name, errMissing)
		case !ok && strings.Contains(name, ".exec."):
			return 0, fmt.Errorf("%s %w: the program has not ended", name, errMissing)
		case !ok && statusKind(of) != "":
			return 0, fmt.Errorf("%s %w: programs of the record says which readings of the status are missing", name, errMissing)
		case !ok:
			return 0, fmt.Errorf("%s %w", name, errMissing)
		case math.IsNaN(v):
			return 0, fmt.Errorf("%s has no value", name)
		}
		return v, nil
	}
}
