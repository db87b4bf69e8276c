package yamldoc

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// longestKey in bytes. Sysctls with an interface's name in them are the longest that make sense.
const longestKey = 128

// fail reports a mistake in the value at path, underlining n.
func (d *Document) fail(path string, n *yaml.Node, msg, hint string) {
	d.bad[path] = true
	d.errs.add(d.tree.errorAt(n, msg, hint))
}

// value decodes n into v, for which f (perhaps nil) is the struct field.
func (d *Document) value(n *yaml.Node, v reflect.Value, path string, f *Field) {
	d.values[path] = n
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		v.Set(reflect.New(t.Elem()))
		d.value(n, v.Elem(), path, f)
		return
	}
	if s, ok := scalars[t]; ok {
		d.scalar(n, v, path, s.read, s.want, f)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path, f)
	case reflect.Slice, reflect.Array:
		d.list(n, v, path, f)
	default: // a string: a name, one of an enumeration or free text
		if f != nil && f.Empty && n.Kind == yaml.ScalarNode && n.Style&quoted != 0 && n.Value == "" {
			v.SetString("")
			return
		}
		d.scalar(n, v, path, readString, wantString(t), f)
	}
}

// scalar decodes a single value.
func (d *Document) scalar(n *yaml.Node, v reflect.Value, path string, read func(*yaml.Node, reflect.Value) error,
	want string, f *Field) {
	if n.Kind != yaml.ScalarNode {
		d.fail(path, n, fmt.Sprintf("%s is %s, not %s", d.last(path), want, kind(n)), "")
		return
	}
	if isNull(n) {
		at := n
		if key := d.keys[path]; key != nil && n.Value == "" && d.tree.text(key) == d.tree.text(n) {
			at = key
		}
		d.fail(path, at, fmt.Sprintf("%s needs a value: %s", d.last(path), want), "")
		return
	}
	if f != nil && f.Off != "" && n.Value == f.Off {
		v.SetZero()
		return
	}
	if err := read(n, v); err != nil {
		d.fail(path, n, err.Error(), problem.HintOf(err))
	}
}

// structure decodes a mapping with fixed keys.
func (d *Document) structure(n *yaml.Node, v reflect.Value, path string) {
	t := v.Type()
	fields := FieldsOf(t)
	if n.Kind == yaml.ScalarNode && slices.Contains(shorthands(t), n.Value) {
		n = shorthand(n, fields)
	}
	if isNull(n) {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	if n.Kind != yaml.MappingNode {
		hint := "keys: " + strings.Join(names(fields), ", ")
		if e, ok := reflect.Zero(t).Interface().(Exampler); ok {
			hint = "write " + e.Example() + "; " + hint
		}
		d.fail(path, n, fmt.Sprintf("%s is a mapping, not %s", d.last(path), kind(n)), hint)
		return
	}
	meant := map[string]bool{} // by misspelt keys: one mistake, not a missing key besides
	seen := d.pairs(n, path, func(key string, kn, vn *yaml.Node) {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == key })
		if i < 0 {
			meant[d.unknownKey(path, key, kn, fields)] = true
			return
		}
		f := fields[i]
		d.value(vn, v.Field(f.Index), Join(path, key), &f)
	})
	for _, f := range fields {
		switch {
		case seen[f.Name]:
		case f.Required && meant[f.Name]:
			d.bad[Join(path, f.Name)] = true
		case f.Required:
			at := n
			if key := d.keys[path]; key != nil && path != "" {
				at = key
			}
			d.fail(Join(path, f.Name), at, fmt.Sprintf("missing key %q%s", f.Name, d.in(path)), wantHint(f))
		default:
			f.SetDefault(v.Field(f.Index))
		}
	}
}

// pairs calls f for every key of a mapping but repeated ones, and returns the keys.
func (d *Document) pairs(n *yaml.Node, path string, f func(key string, kn, vn *yaml.Node)) map[string]bool {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if kn.Kind != yaml.ScalarNode {
			d.fail(path, kn, fmt.Sprintf("a key is a word, not %s", kind(kn)), "")
			continue
		}
		key := kn.Value
		if len(key) > longestKey { // paths are kept for every value below: a long key would multiply
			d.fail(path, kn, fmt.Sprintf("key %s is too long", unit.Quote(key)),
				fmt.Sprintf("keys have %d characters at most", longestKey))
			continue
		}
		p := Join(path, key)
		if seen[key] {
			first := d.keys[p]
			d.fail(p, kn, fmt.Sprintf("duplicate key %s", unit.Quote(key)),
				fmt.Sprintf("it stands in line %d already", first.Line))
			continue
		}
		seen[key], d.keys[p] = true, kn
		f(key, kn, vn)
	}
	return seen
}

// unknownKey reports a key that does not exist, and returns the one that was perhaps meant, or an empty string.
func (d *Document) unknownKey(path, key string, at *yaml.Node, fields []Field) (near string) {
	if d.errs.full() { // looking for the nearest name takes time, and it would not be shown
		d.errs.More++
		return ""
	}
	msg, hint, near := unknownKey(key, fields)
	d.fail(Join(path, key), at, msg, hint)
	return near
}

func unknownKey(key string, fields []Field) (msg, hint, near string) {
	valid := names(fields)
	hint = "valid keys: " + strings.Join(valid, ", ")
	if near = spelling.Nearest(key, valid); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return fmt.Sprintf("unknown key %s", unit.Quote(key)), hint, near
}

// mapping decodes a mapping with free keys: nodes and sysctls.
func (d *Document) mapping(n *yaml.Node, v reflect.Value, path string, f *Field) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(path, n, fmt.Sprintf("%s is a mapping, not %s", d.last(path), kind(n)), "")
		return
	}
	if msg := f.tooMany(len(n.Content) / 2); msg != "" {
		d.fail(path, n, msg, "")
		return
	}
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	d.pairs(n, path, func(key string, kn, vn *yaml.Node) {
		elem := reflect.New(t.Elem()).Elem()
		d.value(vn, elem, Join(path, key), f.item())
		v.SetMapIndex(reflect.ValueOf(key), elem)
	})
}

// list decodes a sequence into a slice or an array.
func (d *Document) list(n *yaml.Node, v reflect.Value, path string, f *Field) {
	array := v.Kind() == reflect.Array
	if isNull(n) && !array {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(path, n, fmt.Sprintf("%s is a list, not %s", d.last(path), kind(n)), "")
		return
	}
	if array && len(n.Content) != v.Len() {
		d.fail(path, n, fmt.Sprintf("%s names two nodes, not %d", d.last(path), len(n.Content)), "such as [client, web]")
		return
	}
	if msg := f.tooMany(len(n.Content)); msg != "" {
		d.fail(path, n, msg, "")
		return
	}
	if !array {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, c := range n.Content {
		d.value(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i), f.item())
	}
}

// A Shortener is a mapping with keys that may stand alone for the whole of it: "do: drop" is "do: {drop: true}", and
// "discipline: fq", a key with a mapping, is "discipline: {fq: {}}".
type Shortener interface{ Shorthands() []string }

// An Exampler is a mapping that can show how it is written.
type Exampler interface{ Example() string }

func shorthands(t reflect.Type) []string {
	if s, ok := reflect.Zero(t).Interface().(Shortener); ok {
		return s.Shorthands()
	}
	return nil
}

// shorthand is {drop: true} for the scalar drop, and so on.
func shorthand(n *yaml.Node, fields []Field) *yaml.Node {
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: n.Value, Line: n.Line, Column: n.Column}
	val := &yaml.Node{Kind: yaml.ScalarNode, Value: "true", Tag: "!!bool", Line: n.Line, Column: n.Column}
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == n.Value })
	if i >= 0 && fields[i].Type.Kind() == reflect.Struct {
		val = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{key, val}}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kind describes a node in a message.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return unit.Quote(n.Value)
}

// Join appends a key to a path: nodes.web.service.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// last names the value at path in a message: the last key of it.
func (d *Document) last(path string) string {
	if path == "" {
		return "a " + d.format.Noun
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if strings.HasSuffix(name, "]") {
		list, index, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		if i, err := strconv.Atoi(index); err == nil {
			return fmt.Sprintf("item %d of %s", i+1, list)
		}
	}
	return unit.Clip(name)
}

// in says where a key is missing.
func (d *Document) in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + d.last(path)
}
