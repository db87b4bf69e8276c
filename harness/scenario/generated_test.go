package scenario

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	invopop "github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/reference"
)

func TestGenerated(t *testing.T) {
	keys.Generate(t, introduction, func(s *invopop.Schema) {
		short := func(name, value string, words []string) {
			s.Definitions[name] = reference.AnyOf(s.Definitions[name])
			for _, word := range words {
				s.Definitions[name].AnyOf = append(s.Definitions[name].AnyOf,
					&invopop.Schema{Const: word, Description: "short for {" + word + ": " + value + "}"})
			}
		}
		short("Action", "true", shorthands)
		short("Discipline", "{}", Discipline{}.Shorthands())
		nodes, _ := s.Properties.Get("nodes")
		nodes.PropertyNames = &invopop.Schema{Pattern: nodeName.String(),
			Not: &invopop.Schema{Enum: []any{"machine", "http", "fault"}}}
	})
}

// keys are the scenario file's: its sections in the order of the reference.
var keys = reference.Format{
	Noun: "scenario",
	Sections: []reference.Section{
		reference.SectionOf[Scenario]("the whole file"), reference.SectionOf[Machine]("machine"),
		reference.SectionOf[Image]("images.NAME"), reference.SectionOf[Node]("nodes.NAME"),
		reference.SectionOf[Service]("nodes.NAME.service"), reference.SectionOf[PHP]("nodes.NAME.service.php"),
		reference.SectionOf[PHPTimeouts]("nodes.NAME.service.php.timeouts"),
		reference.SectionOf[PHPRequest]("nodes.NAME.service.php.request"),
		reference.SectionOf[SQL]("nodes.NAME.service.sql"),
		reference.SectionOf[SQLTimeouts]("nodes.NAME.service.sql.timeouts"),
		reference.SectionOf[UDP]("nodes.NAME.service.udp"), reference.SectionOf[DNS]("nodes.NAME.service.dns"),
		reference.SectionOf[Bulk]("nodes.NAME.service.bulk"), reference.SectionOf[Resolver]("nodes.NAME.resolver"),
		reference.SectionOf[Program]("nodes.NAME.service.exec[] and load[].exec"),
		reference.SectionOf[Ready]("nodes.NAME.service.exec[].ready"),
		reference.SectionOf[Warm]("nodes.NAME.service.exec[].warm and nodes.NAME.service.nginx.warm"),
		reference.SectionOf[Nginx]("nodes.NAME.service.nginx"), reference.SectionOf[PHPFPM]("nodes.NAME.service.php-fpm"),
		reference.SectionOf[MariaDB]("nodes.NAME.service.mariadb"), reference.SectionOf[Redis]("nodes.NAME.service.redis"),
		reference.SectionOf[HAProxy]("nodes.NAME.service.haproxy"),
		reference.SectionOf[Dnsmasq]("nodes.NAME.service.dnsmasq"),
		reference.SectionOf[Unbound]("nodes.NAME.service.unbound"),
		reference.SectionOf[Conntrack]("nodes.NAME.conntrack"),
		reference.SectionOf[ConntrackTimeouts]("nodes.NAME.conntrack.timeouts"),
		reference.SectionOf[Forget]("nodes.NAME.conntrack.forget[]"), reference.SectionOf[NAT]("nodes.NAME.nat[]"),
		reference.SectionOf[FirewallRule]("nodes.NAME.firewall[]"),
		reference.SectionOf[Link]("links[]"), reference.SectionOf[Back]("links[].back"),
		reference.SectionOf[Discipline]("links[].discipline"),
		reference.SectionOf[CoDel]("links[].discipline.codel"), reference.SectionOf[FQCoDel]("links[].discipline.fq_codel"),
		reference.SectionOf[FQ]("links[].discipline.fq"), reference.SectionOf[PIE]("links[].discipline.pie"),
		reference.SectionOf[FQPIE]("links[].discipline.fq_pie"), reference.SectionOf[RED]("links[].discipline.red"),
		reference.SectionOf[CAKE]("links[].discipline.cake"), reference.SectionOf[TBF]("links[].discipline.tbf"),
		reference.SectionOf[Traffic]("load[]"),
		reference.SectionOf[HTTPLoad]("load[].http"), reference.SectionOf[CurvePoint]("load[].http.curve[]"),
		reference.SectionOf[Bursts]("load[].http.bursts"), reference.SectionOf[Replay]("load[].http.replay"),
		reference.SectionOf[Users]("load[].http.users"),
		reference.SectionOf[Abort]("load[].http.abort"),
		reference.SectionOf[Slow]("load[].http.reads and load[].http.sends"),
		reference.SectionOf[UDPLoad]("load[].udp"), reference.SectionOf[BulkLoad]("load[].bulk"),
		reference.SectionOf[Phase]("phases.NAME"), reference.SectionOf[Flow]("flows.NAME"),
		reference.SectionOf[Fault]("faults[]"), reference.SectionOf[Select]("faults[].select"),
		reference.SectionOf[Payload]("faults[].select.payload"), reference.SectionOf[After]("faults[].select.after"),
		reference.SectionOf[Action]("faults[].do"),
		reference.SectionOf[Cell]("faults[].do.cell"), reference.SectionOf[Slot]("faults[].do.slot"),
		reference.SectionOf[Loss]("faults[].do.loss"),
		reference.SectionOf[GEModel]("faults[].do.loss.gemodel"), reference.SectionOf[StateModel]("faults[].do.loss.state"),
		reference.SectionOf[Inject]("faults[].do.inject"), reference.SectionOf[Segment]("faults[].do.inject.segments[]"),
		reference.SectionOf[Ramp]("faults[].ramp"),
	},
	Words: map[reflect.Type]string{
		reflect.TypeFor[[]Expectation](): "list of conditions", reflect.TypeFor[Expectation](): "condition",
		reflect.TypeFor[[2]string](): "list of two nodes",
	},
	Schemas: map[reflect.Type]*invopop.Schema{
		reflect.TypeFor[map[string]string](): {Type: "object",
			AdditionalProperties: reference.AnyOf(&invopop.Schema{Type: "string"}, &invopop.Schema{Type: "integer"})},
	},
	Until: []string{" A Scenario is a value."},
}

const introduction = `<!-- Generated from the types in harness/scenario: run go generate ./harness/scenario -->

# The scenario file

One YAML document of at most 256 KiB, without anchors, aliases, merge keys and tags. Unknown and repeated keys are errors.
` + "`ruleout check FILE` checks a file, `ruleout schema` prints its [JSON Schema](scenario.schema.json)." +
	` The expressions in
expect use the names in [metrics.md](metrics.md).

## Quantities

Every quantity carries its unit, with no blank between.

` + reference.Quantities + "\n"

func TestFormat(t *testing.T) { keys.Check(t) }

func TestSchemaAcceptsTheScenariosOfTheRepository(t *testing.T) {
	s := reference.Compile(t, Schema)
	for _, dir := range []string{"../../scenarios/*.yaml", "../../scenarios/bench/*.yaml"} {
		files, err := filepath.Glob(dir)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, s.YAML(data), file)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := reference.Compile(t, Schema)
	good := "version: 1\nname: x\nduration: 1s\nnodes: {a: , b: {service: {php: }}}\nlinks: [{between: [a, b]}]\n"
	require.NoError(t, s.YAML([]byte(good)))
	for what, more := range map[string]string{
		"an unknown key":           "lniks: []",
		"a missing unit":           "warmup: 12",
		"an unknown unit":          "warmup: 12sec",
		"a word out of a list":     "machine: {speed: 300mips}",
		"a missing key":            "load: [{to: b, http: {rate: 1/s}}]",
		"a number out of range":    "faults: [{name: x, link: [a, b], from: a, do: {duplicate: 17}}]",
		"three ends":               "faults: [{name: x, link: [a, b, c], from: a, do: drop}]",
		"a scalar for a mapping":   "faults: [{name: x, link: [a, b], from: a, do: delay}]",
		"a list for a word":        "about: [a]",
		"a string for true":        `faults: [{name: x, link: [a, b], from: a, do: {drop: "yes"}}]`,
		"a number for a condition": "expect: [1]",
	} {
		require.Error(t, s.YAML([]byte(good+more+"\n")), what)
	}
	require.Error(t, s.YAML([]byte(strings.Replace(good, "{a: ,", "{http: ,", 1))), "a reserved node name")
}
