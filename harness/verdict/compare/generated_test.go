package compare

import (
	"reflect"
	"testing"

	invopop "github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/reference"
)

var keys = reference.Format{
	Noun:     "profile",
	Sections: []reference.Section{reference.SectionOf[Profile]("the whole file")},
	Words:    map[reflect.Type]string{reflect.TypeFor[map[string]string](): "settings"},
	Schemas: map[reflect.Type]*invopop.Schema{
		reflect.TypeFor[map[string]string](): {Type: "object", AdditionalProperties: reference.AnyOf(
			&invopop.Schema{Type: "string"}, &invopop.Schema{Type: "number"}, &invopop.Schema{Type: "boolean"})},
	},
}

const introduction = `<!-- Generated from the types in harness/verdict/compare: run go generate ./harness/verdict/compare -->

# The profile

A file of settings, one side of ` + "`ruleout diff A B SCENARIO…`" +
	`: the same scenarios and seeds are run with the settings of either side, and the
numbers compared. One YAML document, read like [scenario files](scenario.md). ` +
	"`ruleout check FILE` checks it, `ruleout schema profile` prints its\n" + `[JSON Schema](profile.schema.json).

    version: 1
    name: no-sack
    kernel: "6.1"
    sysctls: {net.ipv4.tcp_sack: 0}
    set: {links.client-web.delay: 40ms}

`

func TestGenerated(t *testing.T) {
	keys.Generate(t, introduction, func(s *invopop.Schema) {
		p, _ := s.Properties.Get("sysctls")
		p.PropertyNames = &invopop.Schema{Pattern: `^net\.`}
	})
}

func TestFormat(t *testing.T) { keys.Check(t) }

func TestSchema(t *testing.T) {
	v := reference.Compile(t, Schema)
	const good = "version: 1\nname: x\n"
	for _, more := range []string{"", "kernel: \"6.1\"", "sysctls: {net.ipv4.tcp_sack: 0, net.ipv4.tcp_rmem: 4096 1 2}",
		"set: {duration: 5s, load.0.http.keepalive: true}"} {
		require.NoError(t, v.YAML([]byte(good+more+"\n")), more)
	}
	for what, text := range map[string]string{
		"no version": "name: x", "an unknown key": good + "sysctl: {}", "a list": good + "set: [a]",
		"a list as a value": good + "set: {a: [b]}",
		"another's sysctl":  good + "sysctls: {vm.swappiness: 1}", "a kernel that is a number": good + "kernel: 6.1",
	} {
		require.Error(t, v.YAML([]byte(text+"\n")), what)
	}
}
