// Package text writes a scenario as the file that it could have been read from: a record has a scenario in its canonical
// form, which is for machines.
//
// What has its default or follows from other keys is left out, and quantities have their units. [Of] reads what it wrote:
// it is the same scenario, by its hash, or there is none.
package text

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Of returns a scenario as a document. The error, of kind [problem.Usage], says that a file cannot say the same.
func Of(s *scenario.Scenario) (*yaml.Node, error) {
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
	return w.doc, nil
}

// writer is a document that is being written.
type writer struct {
	doc   *yaml.Node
	means []byte // canonical form
}

func (w *writer) read() (*scenario.Scenario, error) {
	out, err := yaml.Marshal(w.doc)
	if err != nil {
		return nil, err
	}
	return scenario.Parse("scenario.yaml", out, nil)
}

// prune leaves out the keys that follow from others: a load lasts as long as the run, a web service is on port 80.
func (w *writer) prune(n *yaml.Node) {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); {
		whole := n.Content
		n.Content = slices.Delete(slices.Clone(whole), i, i+2)
		if s, err := w.read(); err == nil {
			if means, err := s.Canonical(); err == nil && bytes.Equal(means, w.means) {
				continue
			}
		}
		n.Content = whole
		i += 2
	}
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			w.prune(c)
		}
	}
}

// value writes a value of the types that a scenario is made of.
func value(v reflect.Value) *yaml.Node {
	if v.Kind() == reflect.Pointer {
		return value(v.Elem())
	}
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Struct { // a quantity with its unit
		return scalar(s.String())
	}
	switch v.Kind() {
	case reflect.Struct:
		return structure(v)
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return bytes.Compare([]byte(a.String()), []byte(b.String())) })
		for _, key := range keys {
			n.Content = append(n.Content, scalar(key.String()), value(v.MapIndex(key)))
		}
		return n
	case reflect.Slice, reflect.Array:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, value(v.Index(i)))
		}
		return n
	}
	n := new(yaml.Node)
	if err := n.Encode(v.Interface()); err != nil {
		return scalar(fmt.Sprint(v.Interface()))
	}
	return n
}

// structure writes the keys of a mapping that differ from their defaults.
func structure(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range yamldoc.FieldsOf(v.Type()) {
		field := v.Field(f.Index)
		without := reflect.New(field.Type()).Elem()
		f.SetDefault(without)
		if !f.Required && reflect.DeepEqual(field.Interface(), without.Interface()) || f.Name == "-" || f.Name == "" {
			continue
		}
		of := scalar(f.Off)
		if f.Off == "" || !field.IsZero() {
			of = value(field)
		}
		n.Content = append(n.Content, scalar(f.Name), of)
	}
	return n
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
