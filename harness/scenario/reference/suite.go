package reference

import (
	"slices"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Generate makes what is kept of the format: schema.json in its package, for the program, the same in the
// documentation, and the page there, which begins with introduction. adjust is as in [Format.Schema].
func (f *Format) Generate(t *testing.T, introduction string, adjust func(s *jsonschema.Schema)) {
	t.Helper()
	docs := golden.Repository(t, "docs/reference") + "/"
	schema, err := f.Schema(adjust)
	require.NoError(t, err)
	golden.Equal(t, "schema.json", schema)
	golden.Equal(t, docs+f.Noun+".schema.json", schema)
	tables, err := f.Tables()
	require.NoError(t, err)
	golden.Equal(t, docs+f.Noun+".md", introduction+tables)
}

// Check checks what a compiler cannot see: that each key has a comment, and that defaults and bounds, which are texts
// in tags and would panic at run time only, can be read and fit each other.
func (f *Format) Check(t *testing.T) {
	t.Helper()
	require.Empty(t, f.Left(), "mappings that no section is about")
	list, err := f.Undescribed()
	require.NoError(t, err)
	require.Empty(t, list)
	for _, section := range f.Sections {
		for _, field := range yamldoc.FieldsOf(section.Type) {
			for _, text := range append(slices.Clone(field.Enum), field.Default, field.Low, field.High) {
				if text != "" {
					require.NotPanics(t, func() { field.Parse(text) }, field.Name)
				}
			}
			if field.Default != "" {
				require.Empty(t, field.Outside(field.Parse(field.Default)), "default of %s", field.Name)
			}
		}
	}
}

// Compile compiles the schema that a package has embedded.
func Compile(t *testing.T, schema func() ([]byte, error)) *Validator {
	t.Helper()
	data, err := schema()
	require.NoError(t, err)
	v, err := NewValidator(data)
	require.NoError(t, err)
	return v
}
