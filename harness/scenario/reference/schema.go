package reference

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Schema makes the JSON Schema (draft 2020-12) of the format. adjust, which may be nil, adds what no tag can say.
func (f *Format) Schema(adjust func(s *jsonschema.Schema)) ([]byte, error) {
	r, err := f.reflector()
	if err != nil {
		return nil, err
	}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema {
		if q, ok := unit.Of(t); ok {
			return &jsonschema.Schema{Type: "string", Pattern: q.Pattern}
		}
		if s, ok := f.Schemas[t]; ok {
			same := *s // fields get descriptions of their own
			return &same
		}
		return nil
	}
	whole := f.Sections[0].Type
	s := r.Reflect(reflect.New(whole).Interface())
	s.ID = jsonschema.ID(fmt.Sprintf("https://github.com/ruleout/ruleout/docs/reference/%s.schema.json", f.Noun))
	s.Title = "ruleout " + f.Noun
	tighten(s, whole)
	for _, section := range f.Sections[1:] {
		tighten(s.Definitions[section.Type.Name()], section.Type)
	}
	if adjust != nil {
		adjust(s)
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(out, '\n'), nil
}

// AnyOf is a schema for values that fit one of the list.
func AnyOf(list ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: list} }

// tighten adds what the tags know to a type's schema.
func tighten(s *jsonschema.Schema, typ reflect.Type) {
	for _, f := range yamldoc.FieldsOf(typ) {
		p, _ := s.Properties.Get(f.Name)
		switch {
		case p.Ref != "": // a mapping may be empty, which YAML calls null
			ref := &jsonschema.Schema{Ref: p.Ref}
			p.Ref, p.AnyOf = "", []*jsonschema.Schema{ref, {Type: "null"}}
		case p.AdditionalProperties != nil && p.AdditionalProperties.Ref != "":
			p.AdditionalProperties = AnyOf(p.AdditionalProperties, &jsonschema.Schema{Type: "null"})
		case f.Off != "":
			p.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: p.Pattern}, {Const: f.Off}}
			p.Type, p.Pattern = "", ""
		}
		if most := uint64(f.Most); f.Type.Kind() == reflect.Slice {
			p.MaxItems = &most
		} else if most > 0 {
			p.MaxProperties = &most
		}
		for _, e := range f.Enum {
			p.Enum = append(p.Enum, e)
		}
		if _, quantity := unit.Of(f.Type); f.Type.Kind() == reflect.Int && !quantity {
			p.Minimum, p.Maximum = json.Number(f.Low), json.Number(f.High) // omitted when empty
		} else if b := f.Bounds(); b != "" {
			p.Description += " Range: " + b + "."
		}
		if f.Default != "" {
			p.Default = f.Default
			if p.Type == "integer" {
				p.Default = json.Number(f.Default)
			}
		}
	}
}
