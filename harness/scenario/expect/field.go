package expect

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// Vocabulary is what expressions over stored runs may name: metrics and counters, and what else is known of a run.
type Vocabulary struct {
	Nodes, Faults []string
	Fields        []Field
}

// Field is something that is known of a run and is no metric.
type Field struct {
	Name string
	Kind Kind
	// Unit of a number, as in package metric.
	Unit string
	// Values, unless nil, are all that a field with words has: a word that fits none of them is refused.
	Values []string
	// Fits says whether a value is what the user wrote; nil asks for equality.
	Fits func(value, written string) bool
}

// Kind of a field.
type Kind int

// Kinds: what is a number, what holds or does not, and what is compared as words, with ==, != and ~ for "contains".
const (
	Number Kind = iota
	Condition
	Words
)

func (f *Field) fits(value, written string) bool {
	if f.Fits == nil {
		return value == written
	}
	return f.Fits(value, written)
}

// example of a word that the field may have.
func (f *Field) example() string {
	if len(f.Values) > 0 {
		return f.Values[0]
	}
	return `"…"`
}

// node is the field as a part of an expression.
func (f *Field) node(t token) *node {
	n := &node{at: t.at, end: t.end, unit: metricUnits[f.Unit]}
	switch f.Kind {
	case Condition:
		n.logic, n.eval = true, variable(f.Name)
	case Words:
		n.word, n.eval = f, func(*lookups) (float64, error) { return 0, errors.New(f.Name + " is not a number") }
	default:
		n.eval = variable(f.Name)
		if f.Unit == metric.One {
			n.count = f.Name
		}
	}
	return n
}

// words parses what follows a field with words: an operator, and a word or a text in quotes. A word goes on
// to the next blank or parenthesis, so that 6.1.0-55-cloud-amd64 is one.
func (p *parser) words(a *node) (*node, *problem.Mistake) {
	f := a.word
	t, ok := p.take("==", "!=", "~")
	if !ok {
		if t := p.list[0]; t.kind == 'o' && t.text != ")" {
			return nil, mistake(t.at, t.end, fmt.Sprintf("%s has words, which are not in an order", f.Name),
				"compare it with ==, != or ~, which is true of a part")
		}
		return a, nil
	}
	first := p.list[0]
	switch {
	case first.kind == 's':
		p.list = p.list[1:]
	case first.kind == 'n' && first.text != "and" && first.text != "or" && first.text != "not", first.kind == '0':
		for end := first.at; p.list[0].kind != 'e' && p.list[0].kind != 's' && p.list[0].at == end && p.list[0].text != "(" &&
			p.list[0].text != ")"; p.list = p.list[1:] {
			end = p.list[0].end
			first.end = end
		}
	default:
		return nil, unexpected(first, "a word or a text in quotes")
	}
	written := strings.Trim(p.text[first.at:first.end], `"'`)
	holds := func(value string) bool { return f.fits(value, written) }
	if t.text == "~" {
		holds = func(value string) bool { return strings.Contains(value, written) }
	} else if f.Values != nil && !slices.ContainsFunc(f.Values, holds) {
		hint := "there is: " + strings.Join(f.Values, ", ")
		if len(f.Values) == 0 {
			hint = ""
		} else if best := spelling.Nearest(written, f.Values); best != "" {
			hint = fmt.Sprintf("did you mean %q? %s", best, hint)
		}
		return nil, mistake(first.at, first.end, fmt.Sprintf("no run has %s %s", f.Name, written), hint)
	}
	want := t.text != "!="
	return &node{at: a.at, end: first.end, logic: true, eval: func(l *lookups) (float64, error) {
		if holds(l.word(f.Name)) == want {
			return 1, nil
		}
		return 0, nil
	}}, nil
}

func (v *Vocabulary) parser(text string) *parser {
	return &parser{text: text, names: &names{nodes: v.Nodes, faults: v.Faults, fields: v.Fields}}
}

// Filter is a condition on stored runs.
type Filter struct {
	root *node
	// Names that it asks for, in the order of the text.
	Names []string
}

// Filter compiles a condition. The error is an [*problem.Mistake].
func (v *Vocabulary) Filter(text string) (*Filter, error) {
	p := v.parser(text)
	root, err := p.condition()
	if err != nil {
		return nil, err
	}
	return &Filter{root, p.used}, nil
}

// Match says whether the condition holds for a run, whose numbers and words are looked up by their names; a number is 1
// for a [Condition] that holds. The error says what is missing for an answer: when one side of an "and" or "or" decides
// it, the other may be.
func (f *Filter) Match(number func(name string) (float64, bool), word func(name string) string) (bool, error) {
	v, err := f.root.eval(&lookups{number: number, word: word, missing: true})
	return err == nil && v != 0, err
}

// Figure is a number that is worked out of those of a run: a metric, or an expression of several.
type Figure struct {
	root *node
	// Unit and Share, as in package metric; the unit is empty if there is no name for it.
	Unit  string
	Share bool
}

// Figure compiles an expression that is a number. The error is an [*problem.Mistake].
func (v *Vocabulary) Figure(text string) (*Figure, error) {
	p := v.parser(text)
	n, err := p.parse()
	if err != nil {
		return nil, err
	}
	if e := p.numeric(n); e != nil {
		return nil, e
	}
	f := &Figure{root: n, Share: n.share}
	for name, u := range metricUnits {
		if u == n.unit {
			f.Unit = name
		}
	}
	return f, nil
}

// Value of a run; the error says what is missing.
func (f *Figure) Value(number func(name string) (float64, bool)) (float64, error) {
	return f.root.eval(&lookups{number: number})
}
