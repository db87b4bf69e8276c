package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/spelling"
)

// longestKey in bytes. Sysctls with an interface's name in them are the longest that make sense.
const longestKey = 128

// decoder turns a tree into a Scenario. It goes on after a mistake, so that one
// run shows them all, and remembers where everything was.
type decoder struct {
	tree   *tree
	errs   Errors
	values map[string]*yaml.Node // path → value
	keys   map[string]*yaml.Node // path → key
	bad    map[string]bool       // paths about which something was said already
}

func newDecoder(t *tree) *decoder {
	return &decoder{tree: t, values: map[string]*yaml.Node{}, keys: map[string]*yaml.Node{}, bad: map[string]bool{}}
}

// fail reports a mistake in the value at path, underlining n.
func (d *decoder) fail(path string, n *yaml.Node, msg, hint string) {
	d.bad[path] = true
	d.errs.add(d.tree.errorAt(n, msg, hint))
}

// value decodes n into v, for which f (perhaps nil) is the struct field.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, f *field) {
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
		d.scalar(n, v, path, readString, wantString(t), f)
	}
}

// scalar decodes a single value.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, read func(*yaml.Node, reflect.Value) error, want string, f *field) {
	if n.Kind != yaml.ScalarNode {
		d.fail(path, n, fmt.Sprintf("%s is %s, not %s", last(path), want, kind(n)), "")
		return
	}
	if isNull(n) {
		at := n
		if key := d.keys[path]; key != nil && n.Value == "" && d.tree.text(key) == d.tree.text(n) {
			at = key
		}
		d.fail(path, at, fmt.Sprintf("%s needs a value: %s", last(path), want), "")
		return
	}
	if f != nil && f.off != "" && n.Value == f.off {
		v.SetZero()
		return
	}
	if err := read(n, v); err != nil {
		hint := ""
		if h, ok := err.(interface{ Hint() string }); ok {
			hint = h.Hint()
		}
		d.fail(path, n, err.Error(), hint)
	}
}

// structure decodes a mapping with fixed keys.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	t := v.Type()
	if t == reflect.TypeFor[Action]() && n.Kind == yaml.ScalarNode && slices.Contains(shorthands, n.Value) {
		n = shorthand(n)
	}
	fields := fieldsOf(t)
	if isNull(n) {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	}
	if n.Kind != yaml.MappingNode {
		hint := "keys: " + strings.Join(names(fields), ", ")
		if t == reflect.TypeFor[Action]() {
			hint = `write "do: drop", or a mapping such as "do: {duplicate: 3}"; ` + hint
		}
		d.fail(path, n, fmt.Sprintf("%s is a mapping, not %s", last(path), kind(n)), hint)
		return
	}
	seen := d.pairs(n, path, func(key string, kn, vn *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		if i < 0 {
			d.unknownKey(path, key, kn, fields)
			return
		}
		f := fields[i]
		d.value(vn, v.Field(f.index), join(path, key), &f)
	})
	for _, f := range fields {
		switch {
		case seen[f.name]:
		case f.required:
			at := n
			if key := d.keys[path]; key != nil && path != "" {
				at = key
			}
			d.fail(join(path, f.name), at, fmt.Sprintf("missing key %q%s", f.name, in(path)), wantHint(f))
		default:
			f.setDefault(v.Field(f.index))
		}
	}
}

// pairs calls f for every key of a mapping but repeated ones, and returns the keys.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key string, kn, vn *yaml.Node)) map[string]bool {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if kn.Kind != yaml.ScalarNode {
			d.fail(path, kn, fmt.Sprintf("a key is a word, not %s", kind(kn)), "")
			continue
		}
		key := kn.Value
		if len(key) > longestKey { // paths are kept for every value below: a long key would multiply
			d.fail(path, kn, fmt.Sprintf("key %s is too long", quote(key)), fmt.Sprintf("keys have %d characters at most", longestKey))
			continue
		}
		p := join(path, key)
		if seen[key] {
			first := d.keys[p]
			d.fail(p, kn, fmt.Sprintf("duplicate key %s", quote(key)), fmt.Sprintf("it stands in line %d already", first.Line))
			continue
		}
		seen[key], d.keys[p] = true, kn
		f(key, kn, vn)
	}
	return seen
}

// unknownKey reports a key that does not exist, and what was perhaps meant.
func (d *decoder) unknownKey(path, key string, at *yaml.Node, fields []field) {
	if d.errs.full() { // looking for the nearest name takes time, and nobody would see it
		d.errs.More++
		return
	}
	msg, hint := unknownKey(key, fields)
	d.fail(join(path, key), at, msg, hint)
}

func unknownKey(key string, fields []field) (msg, hint string) {
	valid := names(fields)
	hint = "valid keys: " + strings.Join(valid, ", ")
	if near := spelling.Nearest(key, valid); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return fmt.Sprintf("unknown key %s", quote(key)), hint
}

// mapping decodes a mapping with free keys: nodes and sysctls.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, f *field) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(path, n, fmt.Sprintf("%s is a mapping, not %s", last(path), kind(n)), "")
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
		d.value(vn, elem, join(path, key), nil)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	})
}

// list decodes a sequence into a slice or an array.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, f *field) {
	array := v.Kind() == reflect.Array
	if isNull(n) && !array {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(path, n, fmt.Sprintf("%s is a list, not %s", last(path), kind(n)), "")
		return
	}
	if array && len(n.Content) != v.Len() {
		d.fail(path, n, fmt.Sprintf("%s names two nodes, not %d", last(path), len(n.Content)), "such as [client, web]")
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
		d.value(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i), nil)
	}
}

// shorthand is {drop: true} for the scalar drop, and so on.
func shorthand(n *yaml.Node) *yaml.Node {
	key := &yaml.Node{Kind: yaml.ScalarNode, Value: n.Value, Line: n.Line, Column: n.Column}
	val := &yaml.Node{Kind: yaml.ScalarNode, Value: "true", Tag: "!!bool", Line: n.Line, Column: n.Column}
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
	return quote(n.Value)
}

// join appends a key to a path: nodes.web.service.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// last names the value at path in a message: the last key of it.
func last(path string) string {
	if path == "" {
		return "a scenario"
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if strings.HasSuffix(name, "]") {
		list, index, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		if i, err := strconv.Atoi(index); err == nil {
			return fmt.Sprintf("item %d of %s", i+1, list)
		}
	}
	return clip(name)
}

// in says where a key is missing.
func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + last(path)
}
