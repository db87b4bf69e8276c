package yamldoc

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// Fail reports a mistake at path, unless something was said about that value already.
func (d *Document) Fail(path, msg, hint string) {
	d.Report(problem.Mistake{Path: path, Msg: msg, Hint: hint})
}

// Report adds a mistake, unless something was said about that value or about what is around it already.
func (d *Document) Report(m problem.Mistake) {
	for p := m.Path; p != ""; p = parent(p) {
		if d.bad[p] {
			return
		}
	}
	d.bad[m.Path] = true
	if d.tree == nil {
		d.errs.add(&Error{File: d.format.Noun, Msg: m.Path + ": " + m.Msg, Hint: m.Hint})
		return
	}
	n, literal := d.node(m.Path)
	if literal && m.Length > 0 {
		d.errs.add(d.tree.errorIn(n, m.Offset, m.Length, m.Msg, m.Hint))
		return
	}
	d.errs.add(d.tree.errorAt(n, m.Msg, m.Hint))
}

// node finds what to underline for path: a single value itself, the key of anything
// larger, or that of what is around it where there is no such value in the file.
func (d *Document) node(path string) (n *yaml.Node, literal bool) {
	for p := path; p != ""; p = parent(p) {
		if n := d.values[p]; n != nil && (n.Kind == yaml.ScalarNode && !isNull(n) || d.keys[p] == nil) {
			return n, p == path
		}
		if n := d.keys[p]; n != nil {
			return n, false
		}
	}
	return d.tree.root, false
}

// Sound reports whether nothing at or below path was found wrong so far.
func (d *Document) Sound(path string) bool {
	for bad := range d.bad {
		if bad == path || strings.HasPrefix(bad, path) && strings.ContainsRune(".[", rune(bad[len(path)])) {
			return false
		}
	}
	return true
}

// parent of links[0].delay is links[0], and of that links.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// Counts checks that no list or mapping of the struct that into points to is too long, which reading
// a file has done already. What follows could take long otherwise.
func (d *Document) Counts(into any) bool {
	ok := true
	v := reflect.ValueOf(into).Elem()
	for _, f := range FieldsOf(v.Type()) {
		if f.Most == 0 {
			continue
		}
		if msg := f.tooMany(v.Field(f.Index).Len()); msg != "" {
			d.Fail(f.Name, msg, "")
			ok = false
		}
	}
	return ok
}

// Bounds checks every value that was written against its field's min, max and enum.
func (d *Document) Bounds(into any) { d.bounds(reflect.ValueOf(into).Elem(), "") }

// Written reports whether there is a value at path in the text.
func (d *Document) Written(path string) bool { return d.values[path] != nil || d.keys[path] != nil }

// bounds checks every value that was written against its field's min, max and enum.
func (d *Document) bounds(x reflect.Value, path string) {
	switch x.Kind() {
	case reflect.Pointer:
		if !x.IsNil() {
			d.bounds(x.Elem(), path)
		}
	case reflect.Slice:
		for i := range x.Len() {
			d.bounds(x.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		if x.Type().Elem().Kind() == reflect.Pointer {
			for _, key := range x.MapKeys() {
				d.bounds(x.MapIndex(key), Join(path, key.String()))
			}
		}
	case reflect.Struct:
		for _, f := range FieldsOf(x.Type()) {
			d.bound(x.Field(f.Index), Join(path, f.Name), f)
		}
	}
}

func (d *Document) bound(x reflect.Value, path string, f Field) {
	if x.Kind() == reflect.Pointer {
		if x.IsNil() {
			return
		}
		x = x.Elem()
	}
	if f.Low == "" && f.High == "" && len(f.Enum) == 0 {
		d.bounds(x, path)
		return
	}
	if x.IsZero() && (f.Off != "" || f.Default == "" && !f.Required && d.values[path] == nil) {
		return // off, or never written
	}
	if msg := f.Outside(x); msg != "" {
		hint := ""
		if len(f.Enum) > 0 {
			if near := spelling.Nearest(fmt.Sprint(x.Interface()), f.Enum); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
		}
		d.Fail(path, msg, hint)
	}
}

// FailKey reports a mistake in the key at path rather than in its value.
func (d *Document) FailKey(path, msg, hint string) {
	if key := d.keys[path]; key != nil {
		if !d.bad[path] {
			d.fail(path, key, msg, hint)
		}
		return
	}
	d.Fail(path, msg, hint)
}
