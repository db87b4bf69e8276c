package reference

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Format is a file format.
type Format struct {
	// Noun is what the files are called: scenario.
	Noun string
	// Sections are the types of the file and what is in it, the whole file first. All are of one package.
	Sections []Section
	// Words are names for types whose values are not simply words or mappings: "list of conditions".
	Words map[reflect.Type]string
	// Schemas are those of types that a schema cannot be derived for.
	Schemas map[reflect.Type]*jsonschema.Schema
	// Until is where a comment begins that is for readers of the code only.
	Until []string
}

// Section is a type and where it stands in a file.
type Section struct {
	Type  reflect.Type
	Place string // nodes.NAME
}

// SectionOf is the section of T.
func SectionOf[T any](place string) Section { return Section{reflect.TypeFor[T](), place} }

// reflector knows the comments of the format's package, by type and field.
func (f *Format) reflector() (*jsonschema.Reflector, error) {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", Anonymous: true, ExpandedStruct: true}
	if err := r.AddGoComments(f.Sections[0].Type.PkgPath(), ".", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	for key, text := range r.CommentMap {
		text = strings.Join(strings.Fields(text), " ")
		for _, link := range []string{"[", "]"} {
			text = strings.ReplaceAll(text, link, "")
		}
		for _, end := range f.Until {
			text, _, _ = strings.Cut(text, end)
		}
		r.CommentMap[key] = text
	}
	return r, nil
}

// comment of a type, or of its field called name.
func comment(r *jsonschema.Reflector, typ reflect.Type, name string) string {
	key := typ.PkgPath() + "." + typ.Name()
	if name != "" {
		key += "." + name
	}
	return r.CommentMap[key]
}

// Left lists the types of mappings that a file may have and no section is about, by the place of the first key that is
// one: they would be in no table, and have no bounds in the schema.
func (f *Format) Left() (list []string) {
	known := map[reflect.Type]bool{}
	for _, s := range f.Sections {
		known[s.Type] = true
	}
	for _, s := range f.Sections {
		for _, field := range yamldoc.FieldsOf(s.Type) {
			t := field.Type
			for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			if t.Kind() == reflect.Struct && t.PkgPath() == f.Sections[0].Type.PkgPath() && !known[t] && f.Words[t] == "" {
				known[t] = true
				list = append(list, s.Place+"."+field.Name)
			}
		}
	}
	return list
}

// Undescribed lists the types and keys that have no comment.
func (f *Format) Undescribed() ([]string, error) {
	r, err := f.reflector()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, s := range f.Sections {
		if comment(r, s.Type, "") == "" {
			list = append(list, s.Type.Name())
		}
		for _, field := range yamldoc.FieldsOf(s.Type) {
			if comment(r, s.Type, s.Type.Field(field.Index).Name) == "" {
				list = append(list, s.Type.Name()+"."+field.Name)
			}
		}
	}
	return list, nil
}

// Quantities is the table of what quantities there are, in Markdown.
const Quantities = `| quantity | units | examples |
|---|---|---|
| duration | ns, us (or µs), ms, s, m, h; several may follow one another | 20ms, 1.5s, 1m30s |
| rate | bit, kbit, mbit, gbit: powers of 1000, a second | 64kbit, 100mbit |
| size | B; kB, MB, GB: powers of 1000; KiB, MiB, GiB: powers of 1024 | 24kB, 384MiB |
| frequency | /s, /m, /h | 40/s, 90/m |
| share | % | 10%, 0.5% |
| speed | mips | 500mips |
`

// Tables writes the sections as Markdown, a table of keys each.
func (f *Format) Tables() (string, error) {
	r, err := f.reflector()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	for i, s := range f.Sections {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| key | value | default | range | meaning |\n|---|---|---|---|---|\n", s.Place,
			comment(r, s.Type, ""))
		for _, field := range yamldoc.FieldsOf(s.Type) {
			text := strings.ReplaceAll(comment(r, s.Type, s.Type.Field(field.Index).Name), "|", `\|`)
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", field.Name, f.word(field.Type), fallback(field), limits(field),
				text)
		}
	}
	return b.String(), nil
}

// fallback is what a key has that is not written.
func fallback(f yamldoc.Field) string {
	switch {
	case f.Required:
		return "required"
	case f.Type.Kind() == reflect.Bool:
		return "false"
	}
	return f.Default
}

func limits(f yamldoc.Field) string {
	text := f.Bounds()
	if len(f.Enum) > 0 {
		text = strings.Join(f.Enum, ", ")
	}
	if f.Most > 0 {
		text = fmt.Sprintf("%d items at most", f.Most)
	}
	if f.Off != "" {
		text += ", or " + f.Off
	}
	return text
}

// word says what kind of value it is.
func (f *Format) word(t reflect.Type) string {
	if word, ok := f.Words[t]; ok {
		return word
	}
	q, isQuantity := unit.Of(t)
	switch {
	case isQuantity:
		return q.What
	case t.Kind() == reflect.Int:
		return "whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "word"
	case t.Kind() == reflect.Slice:
		return "list"
	}
	return "mapping"
}
