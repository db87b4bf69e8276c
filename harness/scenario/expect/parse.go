package expect

import (
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// parser is a recursive descent, one method a level of precedence, that builds nodes
// and checks their units on the way.
type parser struct {
	text  string
	names *names
	list  []token
	left  *node
	used  []string // names, in the order of the text
}

func (p *parser) parse() (*node, error) {
	list, e := scan(p.text)
	if e != nil {
		return nil, e
	}
	p.list = list
	n, e := p.or()
	if e != nil {
		return nil, e
	}
	if t := p.list[0]; t.kind != 'e' {
		return nil, unexpected(t, "an operator or the end")
	}
	return n, nil
}

// condition parses the whole text as something that holds or not.
func (p *parser) condition() (*node, error) {
	n, err := p.parse()
	if err != nil {
		return nil, err
	}
	if !n.logic {
		return nil, p.fail(n, "not a condition", `compare it with something, as in "http.errors == 0"`)
	}
	return n, nil
}

// take removes the next token if it is one of the words or operators, and returns it.
func (p *parser) take(texts ...string) (token, bool) {
	for _, text := range texts {
		if t := p.list[0]; t.kind != 'e' && t.kind != '0' && t.text == text {
			p.list = p.list[1:]
			return t, true
		}
	}
	return token{}, false
}

func unexpected(t token, want string) *problem.Mistake {
	return mistake(t.at, t.end, fmt.Sprintf("%s where %s should be", t.text, want), "")
}

// mistake is one between two bytes of the text.
func mistake(from, to int, msg, hint string) *problem.Mistake {
	return &problem.Mistake{Offset: from, Length: to - from, Msg: msg, Hint: hint}
}

func (p *parser) fail(n *node, msg, hint string) *problem.Mistake {
	return mistake(n.at, n.end, msg, hint)
}

func (p *parser) or() (*node, *problem.Mistake)  { return p.junction("or", p.and, 1) }
func (p *parser) and() (*node, *problem.Mistake) { return p.junction("and", p.not, 0) }

// junction parses conditions joined by word; the value decisive settles it at once.
func (p *parser) junction(
	word string, side func() (*node, *problem.Mistake), decisive float64,
) (*node, *problem.Mistake) {
	n, e := side()
	for e == nil {
		t, ok := p.take(word)
		if !ok {
			return n, nil
		}
		a := n
		b, e := side()
		if e != nil {
			return nil, e
		}
		for _, x := range []*node{a, b} {
			if !x.logic {
				return nil, p.fail(x, fmt.Sprintf("not a condition, on a side of %q", t.text), "compare it with something")
			}
		}
		n = &node{at: a.at, end: b.end, logic: true, eval: func(l *lookups) (float64, error) {
			v, err := a.eval(l)
			if err == nil && v == decisive || err != nil && !l.missing {
				return v, err
			}
			w, other := b.eval(l)
			if other == nil && w != decisive {
				other = err // b does not decide, and a might have
			}
			return w, other
		}}
	}
	return n, e
}

func (p *parser) not() (*node, *problem.Mistake) {
	t, ok := p.take("not")
	if !ok {
		return p.comparison()
	}
	n, e := p.not()
	if e != nil {
		return nil, e
	}
	if !n.logic {
		return nil, p.fail(n, "not a condition", "compare it with something")
	}
	return &node{at: t.at, end: n.end, logic: true, eval: func(l *lookups) (float64, error) {
		v, err := n.eval(l)
		return 1 - v, err
	}}, nil
}

var comparisons = map[string]func(a, b float64) bool{
	"==": func(a, b float64) bool { return a == b },
	"!=": func(a, b float64) bool { return a != b },
	"<":  func(a, b float64) bool { return a < b },
	"<=": func(a, b float64) bool { return a <= b },
	">":  func(a, b float64) bool { return a > b },
	">=": func(a, b float64) bool { return a >= b },
}

func (p *parser) comparison() (*node, *problem.Mistake) {
	a, e := p.sum()
	if e != nil {
		return nil, e
	}
	if a.word != nil {
		return p.words(a)
	}
	t, ok := p.take("==", "!=", "<=", ">=", "<", ">")
	if !ok {
		return a, nil
	}
	if p.left == nil {
		p.left = a
	}
	b, e := p.sum()
	if e != nil {
		return nil, e
	}
	if e := p.same(a, b, "compare"); e != nil {
		return nil, e
	}
	if next, again := p.take("==", "!=", "<=", ">=", "<", ">"); again {
		return nil, mistake(next.at, next.end, "a second comparison", `join two with and, as in "1s < x and x < 2s"`)
	}
	holds := comparisons[t.text]
	return binary(a, b, dimension{}, true, func(x, y float64) (float64, error) {
		if holds(x, y) {
			return 1, nil
		}
		return 0, nil
	}), nil
}

func (p *parser) sum() (*node, *problem.Mistake) {
	a, e := p.product()
	for e == nil {
		t, ok := p.take("+", "-")
		if !ok {
			return a, nil
		}
		b, e := p.product()
		if e != nil {
			return nil, e
		}
		if e := p.same(a, b, "add"); e != nil {
			return nil, e
		}
		sign := 1.0
		if t.text == "-" {
			sign = -1
		}
		u := a.unit
		if a.zero {
			u = b.unit
		}
		share := a.share && (b.share || b.number || b.percent) || b.share && (a.number || a.percent)
		a = binary(a, b, u, false, func(x, y float64) (float64, error) { return x + sign*y, nil })
		a.share = share
	}
	return a, e
}

func (p *parser) product() (*node, *problem.Mistake) {
	a, e := p.unary()
	for e == nil {
		t, ok := p.take("*", "/")
		if !ok {
			return a, nil
		}
		b, e := p.unary()
		if e != nil {
			return nil, e
		}
		for _, x := range []*node{a, b} {
			if e := p.numeric(x); e != nil {
				return nil, e
			}
		}
		u, v := a.unit, b.unit
		if t.text == "*" {
			a = binary(a, b, dimension{u.s + v.s, u.byte + v.byte, u.bit + v.bit}, false,
				func(x, y float64) (float64, error) { return x * y, nil })
			continue
		}
		a = binary(a, b, dimension{u.s - v.s, u.byte - v.byte, u.bit - v.bit}, false, func(x, y float64) (float64, error) {
			if y == 0 {
				return 0, errors.New("division by zero")
			}
			return x / y, nil
		})
	}
	return a, e
}

func (p *parser) unary() (*node, *problem.Mistake) {
	t, ok := p.take("-")
	if !ok {
		return p.primary()
	}
	n, e := p.unary()
	if e != nil {
		return nil, e
	}
	if n.logic {
		return nil, p.fail(n, "a condition is not a number", "")
	}
	if e := p.numeric(n); e != nil {
		return nil, e
	}
	m := *n
	m.at = t.at
	m.eval = func(l *lookups) (float64, error) {
		v, err := n.eval(l)
		return -v, err
	}
	return &m, nil
}

func (p *parser) primary() (*node, *problem.Mistake) {
	if open, ok := p.take("("); ok {
		n, e := p.or()
		if e != nil {
			return nil, e
		}
		shut, ok := p.take(")")
		if !ok {
			return nil, unexpected(p.list[0], "a closing parenthesis")
		}
		m := *n
		m.at, m.end = open.at, shut.end
		return &m, nil
	}
	t := p.list[0]
	switch {
	case t.kind == '0':
		p.list = p.list[1:]
		return literal(t)
	case t.kind == 'n' && t.text != "and" && t.text != "or" && t.text != "not":
		p.list = p.list[1:]
		p.used = append(p.used, t.text)
		if f := p.names.field(t.text); f != nil {
			return f.node(t), nil
		}
		m, msg, hint := p.names.find(t.text)
		if msg != "" {
			return nil, mistake(t.at, t.end, msg, hint)
		}
		n := &node{at: t.at, end: t.end, unit: metricUnits[m.Unit], share: m.Share, eval: variable(t.text)}
		if n.unit == (dimension{}) && !m.Share {
			n.count = t.text
		}
		return n, nil
	}
	return nil, unexpected(t, "a metric, a number or a parenthesis")
}

func binary(a, b *node, u dimension, logic bool, f func(x, y float64) (float64, error)) *node {
	return &node{at: a.at, end: b.end, unit: u, logic: logic, eval: func(l *lookups) (float64, error) {
		x, err := a.eval(l)
		if err != nil {
			return 0, err
		}
		y, err := b.eval(l)
		if err != nil {
			return 0, err
		}
		return f(x, y)
	}}
}

// numeric checks that a part of an expression is a number.
func (p *parser) numeric(n *node) *problem.Mistake {
	switch {
	case n.logic:
		return p.fail(n, "a condition is not a number", "")
	case n.word != nil:
		return p.fail(n, n.word.Name+" is not a number",
			fmt.Sprintf(`it stands on the left, as in "%s == %s"`, n.word.Name, n.word.example()))
	}
	return nil
}

// same checks that two numbers can be compared or added.
func (p *parser) same(a, b *node, verb string) *problem.Mistake {
	for _, x := range []*node{a, b} {
		if e := p.numeric(x); e != nil {
			return e
		}
	}
	for _, x := range [][2]*node{{a, b}, {b, a}} {
		if n, lit := x[0], x[1]; n.count != "" && lit.percent {
			return p.fail(lit, fmt.Sprintf("%s is a count, not a share", n.count),
				fmt.Sprintf("divide it by another count, as in %s / http.planned", n.count))
		}
		if n, lit := x[0], x[1]; lit.number && !lit.zero && n.unit != lit.unit {
			number := p.text[lit.at:lit.end]
			return p.fail(lit, fmt.Sprintf("%s needs a unit: the other side is %v", number, n.unit), n.unit.example(number))
		}
	}
	if a.unit != b.unit && !a.zero && !b.zero {
		return p.fail(b, fmt.Sprintf("cannot %s %v and %v", verb, a.unit, b.unit), "")
	}
	return nil
}
