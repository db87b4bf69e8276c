package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/scenario/unit"
)

const (
	// MostBytes of a file. The YAML parser needs up to 230 times the size of a hostile
	// file in memory (measured: {a,a,a,…}), so this bounds it to 60 MB.
	MostBytes = 256 << 10
	// mostDepth of nested lists and mappings. A scenario has 8.
	mostDepth = 32
)

// text is something that was parsed: the file, or a --set argument.
type text struct {
	format Format
	name   string
	lines  []string
	order  int // the file is 0, --set arguments follow
}

func newText(format Format, name string, data []byte, order int) *text {
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return &text{format: format, name: name, lines: lines, order: order}
}

// errorAt makes an error at a line and column, both from 1.
func (t *text) errorAt(line, col, width int, msg, hint string) *Error {
	line = max(1, min(line, len(t.lines)))
	e := &Error{File: t.name, Line: line, Col: max(1, col), Width: max(1, width), Msg: msg, Hint: hint,
		Source: t.lines[line-1], order: t.order}
	if t.order > 0 {
		e.Line = 0
	}
	return e
}

const writeOut = "write the value out where it is used"

func (t *text) noAlias() string { return "aliases are not allowed in a " + t.format.Noun }

// tree is a parsed file with the --set arguments worked in.
type tree struct {
	main *text
	root *yaml.Node           // a mapping
	from map[*yaml.Node]*text // nodes that a --set argument brought in
}

func (t *tree) text(n *yaml.Node) *text {
	if from := t.from[n]; from != nil {
		return from
	}
	return t.main
}

// errorAt makes an error that underlines n.
func (t *tree) errorAt(n *yaml.Node, msg, hint string) *Error {
	return t.text(n).errorAt(n.Line, n.Column, width(n), msg, hint)
}

// errorIn makes an error that underlines length bytes from offset in the scalar n, or
// all of n where the scalar's text is not literally in the file (escapes, folded lines).
func (t *tree) errorIn(n *yaml.Node, offset, length int, msg, hint string) *Error {
	e := t.errorAt(n, msg, hint)
	runes := []rune(e.Source)
	start := e.Col - 1
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		start++
	}
	if n.Kind != yaml.ScalarNode || offset > len(n.Value) || start > len(runes) ||
		!strings.HasPrefix(string(runes[start:]), n.Value) {
		return e
	}
	end := min(offset+length, len(n.Value))
	e.Col = start + 1 + utf8.RuneCountInString(n.Value[:offset])
	e.Width = utf8.RuneCountInString(n.Value[offset:end])
	return e
}

// width is how many characters of a line a node takes, as far as is known.
func width(n *yaml.Node) int {
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 1
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return utf8.RuneCountInString(n.Value) + 2
	}
	return utf8.RuneCountInString(n.Value)
}

// read parses one YAML document into a node. It accepts a small part of YAML: one
// document, no anchors, aliases, merge keys or tags. That is all a file needs, and
// nothing in it can mean more than stands there, or grow when it is read.
func read(t *text, data []byte) (*yaml.Node, *Error) {
	if len(data) > MostBytes {
		return nil, t.errorAt(1, 1, 1, fmt.Sprintf("larger than %v", unit.Size(MostBytes)),
			"a "+t.format.Noun+" is a page or two of YAML")
	}
	if e := t.checkText(); e != nil {
		return nil, e
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	} else if err != nil {
		return nil, t.syntaxError(err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		return nil, t.errorAt(next.Line, next.Column, 1, "a second document", "one file holds one "+t.format.Noun)
	} else if !errors.Is(err, io.EOF) {
		return nil, t.syntaxError(err)
	}
	root := doc.Content[0]
	if e := t.checkNode(root, 1); e != nil {
		return nil, e
	}
	return root, nil
}

// checkText refuses what is not text in UTF-8, which the positions rely on.
func (t *text) checkText() *Error {
	for i, line := range t.lines {
		for col, rest := 1, line; rest != ""; col++ {
			r, size := utf8.DecodeRuneInString(rest)
			switch {
			case r == utf8.RuneError && size == 1:
				return t.errorAt(i+1, col, 1, "not UTF-8", "save the file as UTF-8")
			case r < ' ' && r != '\t' || r == 0x7f:
				return t.errorAt(i+1, col, 1, fmt.Sprintf("control character %U", r), "")
			}
			rest = rest[size:]
		}
	}
	return nil
}

// checkNode refuses aliases and what belongs to them, tags, and deep nesting.
func (t *text) checkNode(n *yaml.Node, depth int) *Error {
	switch {
	case depth > mostDepth:
		return t.errorAt(n.Line, n.Column, 1, fmt.Sprintf("nested more than %d deep", mostDepth), "")
	case n.Kind == yaml.AliasNode:
		return t.errorAt(n.Line, n.Column, width(n)+1, t.noAlias(), writeOut)
	case n.Anchor != "":
		return t.errorAt(n.Line, n.Column, 1,
			fmt.Sprintf("anchors such as &%s are not allowed in a %s", unit.Clip(n.Anchor), t.format.Noun), writeOut)
	case n.Style&yaml.TaggedStyle != 0:
		return t.errorAt(n.Line, n.Column, 1,
			fmt.Sprintf("tags such as %s are not allowed in a %s", unit.Clip(n.Tag), t.format.Noun), "leave the tag out")
	}
	for _, c := range n.Content {
		if e := t.checkNode(c, depth+1); e != nil {
			return e
		}
	}
	return nil
}

var (
	yamlLine   = regexp.MustCompile(`^line (\d+): `)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// syntaxError gives the YAML library's own errors a place. They name a line at most,
// and that may be where the list or mapping begins in which the mistake is.
func (t *text) syntaxError(err error) *Error {
	msg, line := splitLine(err)
	if m := yamlAnchor.FindStringSubmatch(msg); m != nil {
		for i, l := range t.lines {
			if at := strings.Index(l, "*"+m[1]); at >= 0 {
				return t.errorAt(i+1, utf8.RuneCountInString(l[:at])+1, utf8.RuneCountInString(m[1])+1, t.noAlias(), writeOut)
			}
		}
	}
	if strings.HasPrefix(msg, "did not find expected") {
		line = t.firstLine(msg, line)
	}
	// Tabs are the most frequent cause, and the message for them is of no help.
	for i, l := range t.lines {
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if at := strings.IndexByte(indent, '\t'); at >= 0 && len(indent) < len(l) && i+1 >= line-1 && i+1 <= line+1 {
			return t.errorAt(i+1, at+1, 1, "tab in the indentation", "YAML is indented with spaces")
		}
	}
	line = max(1, min(line, len(t.lines)))
	l := t.lines[line-1]
	blank := len(l) - len(strings.TrimLeft(l, " \t"))
	return t.errorAt(line, blank+1, utf8.RuneCountInString(strings.TrimRight(l[blank:], " \t")), "not YAML: "+msg,
		syntaxHint(msg))
}

// splitLine takes the line off the YAML library's message; it is 1 if there is none.
func splitLine(err error) (msg string, line int) {
	msg, line = strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = strings.TrimPrefix(msg, m[0])
	}
	return msg, line
}

// firstLine finds the line that brings the error msg about: the last of the shortest
// beginning of the text that has it. Long texts are not worth the time.
func (t *text) firstLine(msg string, otherwise int) int {
	if len(t.lines) > 500 {
		return otherwise
	}
	for n := 1; n <= len(t.lines); n++ {
		var doc yaml.Node
		err := yaml.Unmarshal([]byte(strings.Join(t.lines[:n], "\n")), &doc)
		if err == nil {
			continue
		}
		if found, _ := splitLine(err); found == msg {
			return n
		}
	}
	return otherwise
}

func syntaxHint(msg string) string {
	switch {
	case strings.Contains(msg, "mapping values are not allowed"):
		return `a value that contains ": " needs quotes; keys on one line need { and }`
	case strings.Contains(msg, "did not find expected ',' or"):
		return "a bracket is not closed, or a comma is missing, here or above"
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "did not find expected '-' indicator"):
		return "check the indentation of this line and of the one above"
	case strings.Contains(msg, "cannot start any token"):
		return "a value that begins with @, `, % or a tab needs quotes"
	case strings.Contains(msg, "could not find expected ':'"):
		return `a key needs ": " after it, with a blank`
	}
	return ""
}
