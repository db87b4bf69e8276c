package expect

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// longest expectation in bytes. It bounds the depth of the parser, too.
const longest = 1000

type token struct {
	kind    byte // n a name or word, 0 a literal, s a text in quotes, o an operator or parenthesis, e the end
	text    string
	at, end int
}

var (
	nameForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*`)
	literalForm = regexp.MustCompile(`^[0-9][0-9.]*(/[smh]\b|%|[A-Za-zµμ][A-Za-zµμ0-9.]*)?`)
	quotedForm  = regexp.MustCompile(`^("[^"]*"|'[^']*')`)
	operForm    = regexp.MustCompile(`^(==|!=|<=|>=|&&|\|\||[-+*/<>()=!~])`)
)

// foreign operators, and ours.
var foreign = map[string]string{"=": "==", "&&": "and", "||": "or", "!": "not"}

// scan splits text into tokens; the last one is the end.
func scan(text string) ([]token, *problem.Mistake) {
	if len(text) > longest {
		return nil, mistake(0, 1, fmt.Sprintf("longer than %d characters", longest), "write several expectations")
	}
	var list []token
	for at := 0; at < len(text); {
		rest := text[at:]
		if blank := len(rest) - len(strings.TrimLeft(rest, " \t\n")); blank > 0 {
			at += blank
			continue
		}
		kind, word := byte('n'), nameForm.FindString(rest)
		if word == "" {
			kind, word = '0', literalForm.FindString(rest)
		}
		if word == "" {
			kind, word = 's', quotedForm.FindString(rest)
		}
		if word == "" {
			kind, word = 'o', operForm.FindString(rest)
		}
		if word == "" {
			_, size := utf8.DecodeRuneInString(rest)
			return nil, mistake(at, at+size, fmt.Sprintf("%q is not part of the language", rest[:size]), "")
		}
		if ours, ok := foreign[word]; ok {
			return nil, mistake(at, at+len(word), fmt.Sprintf("%q is not part of the language", word),
				fmt.Sprintf("write %q", ours))
		}
		list = append(list, token{kind, word, at, at + len(word)})
		at += len(word)
	}
	return append(list, token{'e', "the end", len(text), len(text)}), nil
}

// literal turns a number with or without a unit into a node.
func literal(t token) (*node, *problem.Mistake) {
	n := &node{at: t.at, end: t.end}
	fail := func(err error) (*node, *problem.Mistake) {
		return nil, mistake(t.at, t.end, err.Error(), problem.HintOf(err))
	}
	suffix := strings.TrimLeft(t.text, "0123456789.")
	switch {
	case suffix == "":
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return fail(fmt.Errorf("%q is not a number", t.text))
		}
		n.eval, n.number, n.zero = constant(f), true, f == 0
	case suffix == "%":
		v, err := unit.ParseShare(t.text)
		if err != nil {
			return fail(err)
		}
		n.eval, n.percent = constant(float64(v)), true
	case suffix[0] == '/':
		v, err := unit.ParseFrequency(t.text)
		if err != nil {
			return fail(err)
		}
		n.eval, n.unit = constant(float64(v)), dimension{s: -1}
	case strings.HasSuffix(suffix, "bit"):
		v, err := unit.ParseRate(t.text)
		if err != nil {
			return fail(err)
		}
		n.eval, n.unit = constant(float64(v)), dimension{bit: 1, s: -1}
	case strings.HasSuffix(suffix, "B"):
		v, err := unit.ParseSize(t.text)
		if err != nil {
			return fail(err)
		}
		n.eval, n.unit = constant(float64(v)), dimension{byte: 1}
	default:
		v, err := unit.ParseDuration(t.text)
		if err != nil {
			return fail(err)
		}
		n.eval, n.unit = constant(float64(v)/1e9), dimension{s: 1}
	}
	return n, nil
}

// units of the catalogue.
var metricUnits = map[string]dimension{
	metric.One:       {},
	metric.Seconds:   {s: 1},
	metric.Bytes:     {byte: 1},
	metric.PerSecond: {s: -1},
	metric.BitRate:   {bit: 1, s: -1},
}
