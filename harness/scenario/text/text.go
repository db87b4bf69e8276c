// Package text writes a scenario as the file that it could have been read from. A record has its scenario in the
// canonical form, which is for machines.
//
// What has its default or follows from other keys is left out, and quantities have their units. [Of] reads what it
// wrote: it is the same scenario, by its hash, or there is none. The text is JSON, which is YAML too, with the keys in
// the order of the reference.
package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Of returns the text of a scenario. The error, of kind [problem.Usage], says that a file cannot say the same.
func Of(s *scenario.Scenario) ([]byte, error) {
	w := writer{doc: value(reflect.ValueOf(*s))}
	again, err := w.read()
	if err == nil && again.Hash() != s.Hash() {
		err = errors.New("it would be another scenario")
	}
	if err == nil {
		w.means, err = again.Canonical()
	}
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("write scenario %s as a file: %w", s.Name, err),
			"give the scenario's file in place of the record")
	}
	w.prune(w.doc)
	return json.MarshalIndent(w.doc, "", "  ")
}

// writer is a document that is being written.
type writer struct {
	doc   any
	means []byte // canonical form
}

func (w *writer) read() (*scenario.Scenario, error) {
	out, err := json.Marshal(w.doc)
	if err != nil {
		return nil, err
	}
	return scenario.Parse("scenario.yaml", out, nil)
}

// same reports whether the document still means what it meant.
func (w *writer) same() bool {
	s, err := w.read()
	if err != nil {
		return false
	}
	means, err := s.Canonical()
	return err == nil && bytes.Equal(means, w.means)
}

// mapping is one with its keys in order.
type mapping struct{ pairs []pair }

type pair struct {
	key   string
	value any
}

// MarshalJSON writes the keys in their order.
func (m *mapping) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, p := range m.pairs {
		key, err := json.Marshal(p.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s%s:%s", []string{"{", ","}[min(i, 1)], key, value)
	}
	if len(m.pairs) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// prune leaves out the keys that follow from others: a load lasts as long as the run, a web service is on port 80.
func (w *writer) prune(of any) {
	switch of := of.(type) {
	case []any:
		for _, item := range of {
			w.prune(item)
		}
	case *mapping:
		for i := 0; i < len(of.pairs); {
			whole := of.pairs
			of.pairs = slices.Delete(slices.Clone(whole), i, i+1)
			if !w.same() {
				of.pairs = whole
				i++
			}
		}
		for _, p := range of.pairs {
			w.prune(p.value)
		}
	}
}

// value is a value of the types that a scenario is made of, as JSON has it.
func value(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		return value(v.Elem())
	}
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Struct { // a quantity with its unit
		return s.String()
	}
	switch v.Kind() {
	case reflect.Struct:
		return structure(v)
	case reflect.Map:
		m := new(mapping)
		for _, key := range v.MapKeys() {
			m.pairs = append(m.pairs, pair{key.String(), value(v.MapIndex(key))})
		}
		slices.SortFunc(m.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		return m
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = value(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

// structure has the keys of a mapping that differ from their defaults.
func structure(v reflect.Value) *mapping {
	m := new(mapping)
	for _, f := range yamldoc.FieldsOf(v.Type()) {
		field := v.Field(f.Index)
		without := reflect.New(field.Type()).Elem()
		f.SetDefault(without)
		if !f.Required && reflect.DeepEqual(field.Interface(), without.Interface()) || f.Name == "-" || f.Name == "" {
			continue
		}
		var of any = f.Off
		if f.Off == "" || !field.IsZero() {
			of = value(field)
		}
		m.pairs = append(m.pairs, pair{f.Name, of})
	}
	return m
}
