package scenario

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	invopop "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/document"
	"github.com/ruleout/ruleout/harness/unit"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// upToDate compares a generated file with what it should hold, or writes it.
func upToDate(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, want, 0o644))
		return
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	if !bytes.Equal(want, have) {
		t.Fatalf("%s is out of date: run go generate ./harness/scenario", path)
	}
}

func TestGeneratedSchema(t *testing.T) {
	made := makeSchema(t)
	upToDate(t, "schema.json", made)
	upToDate(t, "../../docs/reference/scenario.schema.json", made)
}

func TestGeneratedReference(t *testing.T) {
	upToDate(t, "../../docs/reference/scenario.md", makeReference(t))
}

func comments(t *testing.T) *invopop.Reflector {
	r := &invopop.Reflector{FieldNameTag: "yaml", Anonymous: true, ExpandedStruct: true}
	require.NoError(t, r.AddGoComments("github.com/ruleout/ruleout/harness/scenario", ".", invopop.WithFullComment()))
	for key, text := range r.CommentMap {
		text = strings.Join(strings.Fields(text), " ")
		for _, link := range []string{"[", "]"} {
			text = strings.ReplaceAll(text, link, "")
		}
		text, _, _ = strings.Cut(text, " A Scenario is a value.") // what follows is for readers of the code
		r.CommentMap[key] = text
	}
	return r
}

func makeSchema(t *testing.T) []byte {
	r := comments(t)
	r.Mapper = func(t reflect.Type) *invopop.Schema {
		if q, ok := unit.Of(t); ok {
			return &invopop.Schema{Type: "string", Pattern: q.Pattern}
		}
		if t == reflect.TypeFor[map[string]string]() {
			return &invopop.Schema{Type: "object", AdditionalProperties: anyOf(&invopop.Schema{Type: "string"}, &invopop.Schema{Type: "integer"})}
		}
		return nil
	}
	s := r.Reflect(&Scenario{})
	s.ID = "https://github.com/ruleout/ruleout/docs/reference/scenario.schema.json"
	s.Title = "ruleout scenario"
	tighten(s, reflect.TypeFor[Scenario]())
	for _, typ := range sections {
		if typ != reflect.TypeFor[Scenario]() {
			tighten(s.Definitions[typ.Name()], typ)
		}
	}
	action := s.Definitions["Action"]
	s.Definitions["Action"] = anyOf(action)
	for _, word := range shorthands {
		s.Definitions["Action"].AnyOf = append(s.Definitions["Action"].AnyOf, &invopop.Schema{Const: word, Description: "short for {" + word + ": true}"})
	}
	nodes, _ := s.Properties.Get("nodes")
	nodes.PropertyNames = &invopop.Schema{Pattern: nodeName.String(), Not: &invopop.Schema{Enum: []any{"machine", "http", "fault"}}}
	out, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	return append(out, '\n')
}

func anyOf(list ...*invopop.Schema) *invopop.Schema { return &invopop.Schema{AnyOf: list} }

// tighten adds what the tags know to a type's schema.
func tighten(s *invopop.Schema, typ reflect.Type) {
	for _, f := range document.FieldsOf(typ) {
		p, _ := s.Properties.Get(f.Name)
		switch {
		case p.Ref != "": // a mapping may be empty, which YAML calls null
			ref := &invopop.Schema{Ref: p.Ref}
			p.Ref, p.AnyOf = "", []*invopop.Schema{ref, {Type: "null"}}
		case p.AdditionalProperties != nil && p.AdditionalProperties.Ref != "":
			p.AdditionalProperties = anyOf(p.AdditionalProperties, &invopop.Schema{Type: "null"})
		case f.Off != "":
			p.AnyOf = []*invopop.Schema{{Type: "string", Pattern: p.Pattern}, {Const: f.Off}}
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
		if f.Type.Kind() == reflect.Int && !isQuantity(f.Type) {
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

func isQuantity(t reflect.Type) bool { _, ok := unit.Of(t); return ok }

// sections of the reference, in order.
var sections = []reflect.Type{
	reflect.TypeFor[Scenario](), reflect.TypeFor[Machine](), reflect.TypeFor[Node](), reflect.TypeFor[Service](), reflect.TypeFor[PHP](),
	reflect.TypeFor[PHPRequest](), reflect.TypeFor[SQL](), reflect.TypeFor[Link](), reflect.TypeFor[Traffic](), reflect.TypeFor[HTTPLoad](),
	reflect.TypeFor[Phase](), reflect.TypeFor[Flow](),
	reflect.TypeFor[Fault](), reflect.TypeFor[Select](), reflect.TypeFor[Action](), reflect.TypeFor[Cell](), reflect.TypeFor[Slot](),
	reflect.TypeFor[Loss](), reflect.TypeFor[GEModel](), reflect.TypeFor[StateModel](), reflect.TypeFor[Inject](), reflect.TypeFor[Segment](),
	reflect.TypeFor[Ramp](),
}

// places of the sections in a file.
var places = map[string]string{
	"Scenario": "the whole file", "Machine": "machine", "Node": "nodes.NAME", "Service": "nodes.NAME.service", "PHP": "nodes.NAME.service.php",
	"PHPRequest": "nodes.NAME.service.php.request", "SQL": "nodes.NAME.service.sql", "Link": "links[]", "Traffic": "load[]", "HTTPLoad": "load[].http",
	"Fault": "faults[]", "Select": "faults[].select", "Action": "faults[].do",
	"Phase": "phases.NAME", "Flow": "flows.NAME", "Cell": "faults[].do.cell", "Slot": "faults[].do.slot", "Loss": "faults[].do.loss",
	"GEModel": "faults[].do.loss.gemodel", "StateModel": "faults[].do.loss.state", "Inject": "faults[].do.inject",
	"Segment": "faults[].do.inject.segments[]", "Ramp": "faults[].ramp",
}

func makeReference(t *testing.T) []byte {
	r := comments(t)
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from the types in harness/scenario: run go generate ./harness/scenario -->

# The scenario file

One YAML document of at most 256 KiB, without anchors, aliases, merge keys and tags. Unknown and repeated keys are errors.
` + "`ruleout validate FILE` checks a file, `ruleout schema` prints its [JSON Schema](scenario.schema.json)." + ` The expressions in
expect use the names in [metrics.md](metrics.md).

## Quantities

Every quantity carries its unit, with no blank between.

| quantity | units | examples |
|---|---|---|
| duration | ns, us (or µs), ms, s, m, h; several may follow one another | 20ms, 1.5s, 1m30s |
| rate | bit, kbit, mbit, gbit: powers of 1000, a second | 64kbit, 100mbit |
| size | B; kB, MB, GB: powers of 1000; KiB, MiB, GiB: powers of 1024 | 24kB, 384MiB |
| frequency | /s, /m, /h | 40/s, 90/m |
| share | % | 10%, 0.5% |
| speed | mips | 500mips |

`)
	for _, typ := range sections {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| key | value | default | range | meaning |\n|---|---|---|---|---|\n", places[typ.Name()], comment(r, typ, ""))
		for _, f := range document.FieldsOf(typ) {
			fallback := f.Default
			if f.Required {
				fallback = "required"
			}
			if f.Type.Kind() == reflect.Bool {
				fallback = "false"
			}
			limits := f.Bounds()
			if len(f.Enum) > 0 {
				limits = strings.Join(f.Enum, ", ")
			}
			if f.Most > 0 {
				limits = fmt.Sprintf("%d items at most", f.Most)
			}
			if f.Off != "" {
				limits += ", or " + f.Off
			}
			text := strings.ReplaceAll(comment(r, typ, typ.Field(f.Index).Name), "|", `\|`)
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, valueKind(f.Type), fallback, limits, text)
		}
		b.WriteString("\n")
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// comment of a type, or of its field called name.
func comment(r *invopop.Reflector, typ reflect.Type, name string) string {
	key := typ.PkgPath() + "." + typ.Name()
	if name != "" {
		key += "." + name
	}
	return r.CommentMap[key]
}

func valueKind(t reflect.Type) string {
	q, isQuantity := unit.Of(t)
	switch {
	case isQuantity:
		return q.What
	case t.Kind() == reflect.Int:
		return "whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String && t != reflect.TypeFor[Expectation]():
		return "word"
	case t.Kind() == reflect.Array:
		return "list of two nodes"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return "list of conditions"
	case t.Kind() == reflect.Slice:
		return "list"
	}
	return "mapping"
}

func TestEveryKeyIsDescribed(t *testing.T) {
	r := comments(t)
	for _, typ := range sections {
		require.NotEmpty(t, comment(r, typ, ""), typ.Name())
		for _, f := range document.FieldsOf(typ) {
			require.NotEmpty(t, comment(r, typ, typ.Field(f.Index).Name), "%s of %s", f.Name, typ.Name())
		}
	}
}

// Defaults and bounds are texts in tags: a wrong one would panic at run time only.
func TestTagsParse(t *testing.T) {
	for _, typ := range sections {
		for _, f := range document.FieldsOf(typ) {
			for _, text := range append(slices.Clone(f.Enum), f.Default, f.Low, f.High) {
				if text != "" {
					require.NotPanics(t, func() { f.Parse(text) })
				}
			}
			if f.Default != "" {
				require.Empty(t, f.Outside(f.Parse(f.Default)), "default of %s", f.Name)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	data, err := Schema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", doc))
	s, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return s
}

// instance turns YAML into what a JSON Schema validator looks at.
func instance(t *testing.T, data []byte) any {
	var x any
	require.NoError(t, yaml.Unmarshal(data, &x))
	text, err := json.Marshal(x)
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return v
}

func TestSchemaAcceptsTheScenariosOfTheRepository(t *testing.T) {
	s := compileSchema(t)
	for _, dir := range []string{"../../scenarios/*.yaml", "../../scenarios/bench/*.yaml"} {
		files, err := filepath.Glob(dir)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, s.Validate(instance(t, data)), file)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compileSchema(t)
	good := "version: 1\nname: x\nduration: 1s\nnodes: {a: , b: {service: {php: }}}\nlinks: [{between: [a, b]}]\n"
	require.NoError(t, s.Validate(instance(t, []byte(good))))
	for what, more := range map[string]string{
		"an unknown key":           "lniks: []",
		"a missing unit":           "warmup: 12",
		"an unknown unit":          "warmup: 12sec",
		"a word out of a list":     "machine: {speed: 300mips}",
		"a missing key":            "load: [{from: a, to: b, http: {}}]",
		"a number out of range":    "faults: [{name: x, link: [a, b], from: a, do: {duplicate: 17}}]",
		"three ends":               "faults: [{name: x, link: [a, b, c], from: a, do: drop}]",
		"a scalar for a mapping":   "faults: [{name: x, link: [a, b], from: a, do: delay}]",
		"a list for a word":        "about: [a]",
		"a string for true":        `faults: [{name: x, link: [a, b], from: a, do: {drop: "yes"}}]`,
		"a number for a condition": "expect: [1]",
	} {
		require.Error(t, s.Validate(instance(t, []byte(good+more+"\n"))), what)
	}
	require.Error(t, s.Validate(instance(t, []byte(strings.Replace(good, "{a: ,", "{http: ,", 1)))), "a reserved node name")
}
