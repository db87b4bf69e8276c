package campaign

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	invopop "github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/reference"
)

// scalar is one word of YAML. What a setting or a value means depends on the path that it is for, so that 0, true and
// 20ms all fit.
func scalar() *invopop.Schema {
	return reference.AnyOf(&invopop.Schema{Type: "string"}, &invopop.Schema{Type: "number"},
		&invopop.Schema{Type: "boolean"})
}

func mapping(of *invopop.Schema) *invopop.Schema {
	return &invopop.Schema{Type: "object", AdditionalProperties: of}
}

func list(of *invopop.Schema) *invopop.Schema { return &invopop.Schema{Type: "array", Items: of} }

// keys are the campaign file's: its sections in the order of the reference.
var keys = reference.Format{
	Noun: "campaign",
	Sections: []reference.Section{
		reference.SectionOf[Campaign]("the whole file"), reference.SectionOf[Seeds]("seeds"),
		reference.SectionOf[Factor]("factors[]"),
		reference.SectionOf[Range]("factors[].range"), reference.SectionOf[Control]("controls.NAME"),
		reference.SectionOf[Measure]("measures.NAME"),
		reference.SectionOf[Hypothesis]("hypotheses[]"),
	},
	Words: map[reflect.Type]string{
		reflect.TypeFor[map[string]string](): "settings", reflect.TypeFor[[]string](): "list of values",
		reflect.TypeFor[map[string]map[string]string](): "settings by label",
		reflect.TypeFor[map[string][]string]():          "lists of values by word",
		reflect.TypeFor[[]map[string]string]():          "list of combinations",
	},
	Schemas: map[reflect.Type]*invopop.Schema{
		reflect.TypeFor[map[string]string]():            mapping(scalar()),
		reflect.TypeFor[[]string]():                     list(scalar()),
		reflect.TypeFor[map[string]map[string]string](): mapping(mapping(scalar())),
		reflect.TypeFor[map[string][]string]():          mapping(list(scalar())),
		reflect.TypeFor[[]map[string]string]():          list(mapping(scalar())),
	},
}

func TestGenerated(t *testing.T) {
	keys.Generate(t, introduction, func(s *invopop.Schema) {
		for typ, names := range map[string][]string{"Hypothesis": {"margin"}, "Measure": {"margin"},
			"Range": {"from", "to"}} {
			for _, name := range names { // quantities, and plain numbers for counts
				p, ok := s.Definitions[typ].Properties.Get(name)
				require.True(t, ok)
				p.Type, p.AnyOf = "", scalar().AnyOf[:2]
			}
		}
	})
}

const introduction = `<!-- Generated from the types in harness/verdict/campaign: run go generate ./harness/verdict/campaign -->

# The campaign file

One YAML document of at most 256 KiB, read like [scenario files](scenario.md): without anchors, aliases, merge keys and tags; unknown and
repeated keys are errors. ` +
	"`ruleout check FILE` checks a file, `ruleout schema campaign` prints its [JSON Schema](campaign.schema.json),\n" +
	"`ruleout plan FILE` says what it comes to." + ` The [guide](../guides/campaign.md) writes one step by step.

**Settings** are written PATH: VALUE. A path is one of the scenario, such as links.client-edge.delay or faults.acks.do, as after --set. A value that is
not a single word is written in quotes: "{duplicate: 3}".

**Metrics and counters** have the names in [metrics.md](metrics.md): http.latency.p99, web.TcpExt.ListenOverflows.

` + reference.Quantities + "\n"

func TestFormat(t *testing.T) { keys.Check(t) }

func TestSchemaAcceptsTheCampaignsOfTheRepository(t *testing.T) {
	v, found := reference.Compile(t, Schema), 0
	require.NoError(t, filepath.WalkDir("../../../scenarios", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		if Is(data) {
			found++
			require.NoError(t, v.YAML(data), path)
			_, err = Load(path, nil)
			require.NoError(t, err, path)
		}
		return nil
	}))
	require.NotZero(t, found)
}

func TestSchemaRefuses(t *testing.T) {
	v := reference.Compile(t, Schema)
	good := "version: 1\nname: x\nscenario: x.yaml\n" +
		"hypotheses: [{name: a, cause: {faults.a.do: drop, links.a-b.mtu: 1400, load.x.http.keepalive: true}, " +
		"metric: http.errors, margin: 5%}]\n"
	require.NoError(t, v.YAML([]byte(good)))
	for what, more := range map[string]string{
		"an unknown key":            "factor: []",
		"a margin that is a list":   "hypotheses: [{name: a, cause: {a: b}, metric: m, margin: [5%]}]",
		"a kind that there is not":  "hypotheses: [{name: a, kind: cause, cause: {a: b}, metric: m}]",
		"a direction out of a list": "hypotheses: [{name: a, cause: {a: b}, metric: m, direction: upward}]",
		"a setting without a path":  "set: [a]",
		"a setting that is a list":  "set: {a: [b]}",
		"a budget without unit":     "budget: 30",
		"a share without unit":      "false-discovery: 0.05",
		"too few seeds":             "seeds: {least: 1}",
		"an unknown cover":          "cover: quadruples",
		"too many placebos":         "placebos: 101",
		"a factor without a name":   "factors: [{values: [1, 2]}]",
		"a control without a cause": "controls: {burn: {base: {a: b}}}",
	} {
		text := good + more + "\n"
		if strings.HasPrefix(more, "hypotheses") {
			before, _, _ := strings.Cut(good, "hypotheses")
			text = before + more + "\n"
		}
		require.Error(t, v.YAML([]byte(text)), what)
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"version: 1\nhypotheses: []\n":           true,
		"hypotheses:\n  - name: {\n":             true, // broken further down: it was meant to be one
		"# hypotheses:\nversion: 1\nnodes: {}\n": false,
		"nodes: {hypotheses: {}}\n":              false,
		"about: |\n  hypotheses: none\n":         false,
		"{version: 1, hypotheses: []}\n":         true,
		"":                                       false,
	} {
		require.Equal(t, want, Is([]byte(text)), text)
	}
}
