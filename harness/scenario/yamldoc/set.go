package yamldoc

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// step is one part of a --set path.
type step struct {
	name string
	at   int // byte offset in the argument
}

// edit is one --set argument while it is worked into a tree.
type edit struct {
	tree *tree
	text *text
	arg  string
}

// set works path=value into the tree, before it is decoded: what comes out is treated
// as if it had been written in the file, except that mistakes are shown in the argument.
func (t *tree) set(arg string, order int, into reflect.Type) *Error {
	e := &edit{tree: t, arg: arg, text: newText(t.main.format, "--set "+unit.Clip(arg), []byte(arg), order)}
	if len(arg) > MostBytes/16 {
		return e.fail(0, 1, "longer than "+unit.Size(MostBytes/16).String(), "")
	}
	path, value, ok := strings.Cut(arg, "=")
	if !ok {
		return e.fail(0, len(arg), "no =", "--set takes PATH=VALUE, such as links[0].delay=20ms")
	}
	if err := e.text.checkText(); err != nil {
		return err
	}
	v, err := e.value(value, len(path)+1)
	if err != nil {
		return err
	}
	steps, err := e.steps(path)
	if err != nil {
		return err
	}
	return e.walk(t.root, into, steps, v)
}

// fail makes an error that underlines length bytes of the argument from offset.
func (e *edit) fail(offset, length int, msg, hint string) *Error {
	end := min(offset+length, len(e.arg))
	return e.text.errorAt(1, utf8.RuneCountInString(e.arg[:offset])+1, utf8.RuneCountInString(e.arg[offset:end]), msg,
		hint)
}

func (e *edit) failStep(s step, msg, hint string) *Error { return e.fail(s.at, len(s.name), msg, hint) }

// value parses the right-hand side, which begins at offset of the argument, as YAML.
func (e *edit) value(value string, offset int) (*yaml.Node, *Error) {
	right := newText(e.text.format, e.text.name, []byte(value), e.text.order)
	n, err := read(right, []byte(value))
	col := utf8.RuneCountInString(e.arg[:offset])
	if err != nil {
		if err.Source == right.lines[0] {
			err.Source, err.Col = e.text.lines[0], err.Col+col
		}
		return nil, err
	}
	e.claim(n, col)
	return n, nil
}

// claim notes that a node and all below it came from this argument.
func (e *edit) claim(n *yaml.Node, columns int) {
	e.tree.from[n] = e.text
	if n.Line == 1 {
		n.Column += columns
	}
	for _, c := range n.Content {
		e.claim(c, columns)
	}
}

// steps takes a path apart: links[0].delay is links, 0, delay.
func (e *edit) steps(path string) ([]step, *Error) {
	var list []step
	for at := 0; at <= len(path); {
		end := at + strings.IndexAny(path[at:]+".", ".[")
		if end == at {
			return nil, e.fail(at, 1, "empty key in the path", "a path is keys with dots between them, such as links[0].delay")
		}
		list = append(list, step{path[at:end], at})
		for end < len(path) && path[end] == '[' {
			shut := strings.IndexByte(path[end:], ']')
			if shut < 2 {
				return nil, e.fail(end, len(path)-end, "not an index", "an index is a number in brackets, from 0")
			}
			list = append(list, step{path[end+1 : end+shut], end + 1})
			end += shut + 1
		}
		if end < len(path) && path[end] != '.' {
			return nil, e.fail(end, 1, "a dot is missing", "")
		}
		at = end + 1
	}
	return list, nil
}

// walk follows steps from n, which holds a t, and puts v at their end.
func (e *edit) walk(n *yaml.Node, t reflect.Type, steps []step, v *yaml.Node) *Error {
	s, rest := steps[0], steps[1:]
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, scalar := scalars[t]; scalar || t.Kind() == reflect.String {
		return e.failStep(s, "a single value has no keys", "")
	}
	var next reflect.Type
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if n.Kind != yaml.SequenceNode && !isNull(n) {
			return e.failStep(s, fmt.Sprintf("there is %s where a list should be", kind(n)), "")
		}
		i, err := e.index(n, t.Elem(), s)
		if err != nil {
			return err
		}
		if len(rest) == 0 {
			n.Content[i] = v
			return nil
		}
		return e.walk(n.Content[i], t.Elem(), rest, v)
	case reflect.Map:
		if next = t.Elem(); next.Kind() == reflect.String {
			s = step{strings.TrimSuffix(e.arg[s.at:strings.IndexByte(e.arg, '=')], "]"), s.at} // a sysctl's own dots
			rest = nil
		}
	default:
		fields := FieldsOf(t)
		for _, f := range fields {
			if f.Name == s.name {
				next = f.Type
			}
		}
		if next == nil {
			msg, hint, _ := unknownKey(s.name, fields)
			return e.failStep(s, msg, hint)
		}
		if n.Kind == yaml.ScalarNode && slices.Contains(shorthands(t), n.Value) {
			from := e.tree.text(n)
			*n = *shorthand(n, fields)
			for _, c := range n.Content {
				e.tree.from[c] = from
			}
		}
	}
	if isNull(n) {
		n.Kind, n.Tag, n.Value, n.Style = yaml.MappingNode, "!!map", "", 0
	}
	if n.Kind != yaml.MappingNode {
		return e.failStep(s, fmt.Sprintf("there is %s where a mapping should be", kind(n)), "")
	}
	return e.enter(n, t, next, s, rest, v)
}

// enter goes on below the key s of the mapping n, which is made if it is not there.
func (e *edit) enter(n *yaml.Node, t, next reflect.Type, s step, rest []step, v *yaml.Node) *Error {
	var have []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != s.name {
			have = append(have, n.Content[i].Value)
			continue
		}
		if len(rest) > 0 {
			return e.walk(n.Content[i+1], next, rest, v)
		}
		n.Content[i+1] = v
		return nil
	}
	if t.Kind() == reflect.Map && len(rest) > 0 {
		return e.failStep(s, fmt.Sprintf("no %s %s", singular(t.Elem()), unit.Quote(s.name)), NearHint(s.name, have))
	}
	col := utf8.RuneCountInString(e.arg[:s.at]) + 1
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: s.name, Line: 1, Column: col}
	e.tree.from[key] = e.text
	if len(rest) > 0 {
		made := &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: col}
		if next.Kind() == reflect.Slice {
			made.Kind = yaml.SequenceNode
		}
		e.tree.from[made] = e.text
		if err := e.walk(made, next, rest, v); err != nil {
			return err
		}
		v = made
	}
	n.Content = append(n.Content, key, v)
	return nil
}

// index finds the item of a list that s names: by number, or by a name that it has, see [Namer].
func (e *edit) index(n *yaml.Node, elem reflect.Type, s step) (int, *Error) {
	if i, ok := unit.Whole(s.name); ok {
		if i < len(n.Content) {
			return i, nil
		}
		return 0, e.failStep(s, fmt.Sprintf("no item %d", i), fmt.Sprintf("the list has %d, counted from 0", len(n.Content)))
	}
	var have []string
	found := -1
	for i, item := range n.Content {
		for _, name := range itemNames(item, elem) {
			if have = append(have, name); name != s.name {
				continue
			}
			if found >= 0 {
				return 0, e.failStep(s, fmt.Sprintf("%s could be item %d and item %d", unit.Quote(s.name), found, i),
					"use the number in brackets, counted from 0")
			}
			found = i
		}
	}
	if found < 0 {
		return 0, e.failStep(s, fmt.Sprintf("no item %s", unit.Quote(s.name)), NearHint(s.name, have))
	}
	return found, nil
}

// A Namer is an item of a list that has names in a path. word returns the text of a key of the
// item, or of the item i of the list that is there.
type Namer interface {
	Names(word func(key string, i int) string) []string
}

// itemNames returns what an item of a list may be called in a path.
func itemNames(item *yaml.Node, elem reflect.Type) []string {
	namer, ok := reflect.Zero(elem).Interface().(Namer)
	if !ok || item.Kind != yaml.MappingNode {
		return nil
	}
	return namer.Names(func(key string, i int) string {
		for k := 0; k+1 < len(item.Content); k += 2 {
			n := item.Content[k+1]
			switch {
			case item.Content[k].Value != key:
			case i < 0:
				return n.Value
			case i < len(n.Content):
				return n.Content[i].Value
			}
		}
		return ""
	})
}

// singular names the values of a mapping in a message, by their type.
func singular(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.ToLower(t.Name())
}

// NearHint proposes one of the names there are.
func NearHint(name string, have []string) string {
	if len(have) == 0 {
		return ""
	}
	list := have
	if len(list) > 20 {
		list = list[:20]
	}
	hint := "there is: " + clipList(list)
	if near := spelling.Nearest(name, have); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return hint
}

func clipList(list []string) string {
	short := make([]string, len(list))
	for i, s := range list {
		short[i] = unit.Clip(s)
	}
	return strings.Join(short, ", ")
}

// Settings returns the values of --set arguments PATH=VALUE by their paths. [Read] checks that they fit a file.
func Settings(args []string) (map[string]string, error) {
	set := make(map[string]string, len(args))
	for _, arg := range args {
		path, value, found := strings.Cut(arg, "=")
		if !found {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("--set %s: no value", arg), "write --set PATH=VALUE")
		}
		set[path] = value
	}
	return set, nil
}
