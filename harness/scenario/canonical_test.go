package scenario

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

const small = `version: 1
name: small
duration: 10s
nodes:
  client:
  web: {service: {php: {}}}
links:
  - between: [client, web]
load:
  - {from: client, to: web, http: {rate: 40/s}}
faults:
  - {name: loss, link: [client, web], from: web, do: drop}
expect:
  - http.latency.p99 < 400ms
`

func parse(t require.TestingT, text string, set ...string) *Scenario {
	s, err := Parse("x.yaml", []byte(text), set)
	require.NoError(t, err)
	return s
}

// Written out once by hand, so that a change of the form, and so of every hash, is noticed.
func TestCanonical(t *testing.T) {
	got, err := parse(t, small).Canonical()
	require.NoError(t, err)
	require.Equal(t, `{"duration":10000000000,"expect":["http.latency.p99 < 400ms"],`+
		`"faults":[{"at":0,"do":{"drop":true},"from":"web","link":["client","web"],"name":"loss","select":{"chance":1,"packets":"any"}}],`+
		`"links":[{"between":["client","web"],"delay":0,"mtu":1500,"queue":0,"rate":0}],`+
		`"load":[{"from":"client","http":{"arrivals":"poisson","for":11000000000,"late":5000000,"port":80,"rate":40,"timeout":5000000000},"to":"web"}],`+
		`"machine":{"memory":402653184,"speed":500},"name":"small",`+
		`"nodes":{"client":{"role":"host"},"web":{"role":"host","service":{"php":{"backlog":511,"port":80,"request":{"cpu":1000000,"queries":0,"response":16000},"workers":5}}}},`+
		`"timeline":100000000,"version":1,"warmup":1000000000}`, string(got))
}

func TestHashDoesNotDependOnSpelling(t *testing.T) {
	want := parse(t, small).Hash()
	require.Regexp(t, "^sha256:[0-9a-f]{64}$", want)
	for what, change := range map[string][2]string{
		"another unit":            {"duration: 10s", "duration: 10000ms"},
		"a compound":              {"duration: 10s", "duration: 0m10.000s"},
		"a comment":               {"name: small", "name: small # not large"},
		"about":                   {"name: small", "name: small\nabout: whatever"},
		"the long form of drop":   {"do: drop", "do: {drop: true}"},
		"a default written out":   {"rate: 40/s", "rate: 40/s, arrivals: poisson, timeout: 5s, port: 80, for: 11s, keepalive: false"},
		"another frequency":       {"rate: 40/s", "rate: 2400/m"},
		"an empty mapping":        {"  client:\n", "  client: {}\n"},
		"an empty list":           {"  client:\n", "  client: {sysctls: {}}\n"},
		"quotes":                  {"name: small", `"name": "small"`},
		"a block":                 {"{service: {php: {}}}", "\n    service:\n      php: {}"},
		"Windows's line ends":     {"\n", "\r\n"},
		"a byte order mark":       {"version", "\ufeffversion"},
		"a document start marker": {"version: 1\n", "---\nversion: 1\n"},
		"timeline in us":          {"name: small", "timeline: 100000us\nname: small"},
	} {
		n := 1
		if what == "Windows's line ends" {
			n = -1
		}
		text := strings.Replace(small, change[0], change[1], n)
		require.NotEqual(t, small, text, what)
		require.Equal(t, want, parse(t, text).Hash(), what)
	}
}

func TestHashDependsOnMeaning(t *testing.T) {
	seen := map[string]string{parse(t, small).Hash(): "nothing"}
	for _, set := range []string{"name=other", "warmup=2s", "duration=11s", "timeline=off", "machine.speed=250mips",
		"nodes.client.role=router",
		"nodes.web.sysctls.net.ipv4.tcp_sack=0", "nodes.web.service.php.workers=6", "links[0].delay=1ns",
		"load[0].http.keepalive=true",
		"load[0].http.at=0s", "faults.loss.select.chance=50%", "faults.loss.do={duplicate: 1}", "expect=[]", "nodes.db={}"} {
		h := parse(t, small, set).Hash()
		require.NotContains(t, seen, h, "%s has the hash of %s", set, seen[h])
		seen[h] = set
	}
}

// files returns the scenarios of the repository.
func files(t *testing.T) map[string][]byte {
	all := map[string][]byte{}
	for _, dir := range []string{"../../scenarios/*.yaml", "../../scenarios/bench/*.yaml", "../../scenarios/real/*.yaml"} {
		names, err := filepath.Glob(dir)
		require.NoError(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			if !strings.Contains(string(data), "\nhypotheses:") { // that is a campaign
				all[name] = data
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

func requireRoundTrip(t require.TestingT, s *Scenario) {
	data, err := s.Canonical()
	require.NoError(t, err)
	back, err := FromCanonical(data)
	require.NoError(t, err)
	back.root = s.root // a record has no place on the host
	require.Equal(t, s, back)
	require.Equal(t, s.Hash(), back.Hash())
	again, err := back.Canonical()
	require.NoError(t, err)
	require.Equal(t, string(data), string(again))
}

func TestCanonicalRoundTripOfTheRepository(t *testing.T) {
	for _, data := range files(t) {
		requireRoundTrip(t, parse(t, string(data)))
	}
}

// Any scenario that can be written survives the round trip, and keys in any order mean the same.
func TestCanonicalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, root := drawScenario(t)
		requireRoundTrip(t, s)
		shuffle(t, root)
		text, err := yaml.Marshal(root)
		require.NoError(t, err)
		require.Equal(t, s.Hash(), parse(t, string(text)).Hash())
	})
}

// drawScenario makes up a scenario by setting random values in a small one.
func drawScenario(t *rapid.T) (*Scenario, *yaml.Node) {
	var set []string
	add := func(path string, value any) {
		if rapid.Bool().Draw(t, "set "+path) {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			set = append(set, path+"="+string(text))
		}
	}
	duration := func(lo, hi int64) string {
		return Duration(rapid.Int64Range(lo, hi).Draw(t, "duration")).String()
	}
	add("about", rapid.StringMatching(`[ -~äß€😀]{1,40}x`).Draw(t, "about"))
	add("warmup", duration(0, 3600e9))
	add("timeline", duration(1e6, 10e9))
	add("machine.memory", Size(rapid.Uint64Range(128, 3<<10).Draw(t, "MiB")<<20).String())
	add("machine.speed", rapid.SampledFrom([]string{"1000mips", "500mips", "250mips", "125mips"}).Draw(t, "speed"))
	add("nodes.web.sysctls", map[string]any{"net.ipv4.tcp_sack": rapid.IntRange(0, 1).Draw(t, "sack"),
		"net.ipv4.tcp_rmem": "4096\t87380  6291456"})
	add("nodes.web.service.php.workers", rapid.IntRange(1, 1024).Draw(t, "workers"))
	add("nodes.web.service.php.request.response", Size(rapid.Uint64Range(0, 64e6).Draw(t, "response")).String())
	add("nodes.web.service.php.request.cpu", duration(0, 60e9))
	add("links[0].delay", duration(0, 60e9))
	add("links[0].rate", Rate(rapid.Uint64Range(1000, 100e9).Draw(t, "rate")).String())
	add("links[0].queue", rapid.IntRange(1, 1e6).Draw(t, "queue"))
	add("load[0].http.rate", Frequency(rapid.Float64Range(1e-3, 2e3).Draw(t, "frequency")).String())
	add("load[0].http.at", duration(0, 9e9))
	add("load[0].http.keepalive", rapid.Bool().Draw(t, "keepalive"))
	add("faults.loss.select.chance", Share(rapid.Float64Range(1e-6, 1).Draw(t, "chance")).String())
	add("faults.loss.at", duration(0, 9e9))
	add("faults.loss.do", rapid.SampledFrom([]any{"drop", map[string]any{"duplicate": 3},
		map[string]any{"delay": "3ms", "jitter": "3ms"}, map[string]any{"reorder": "1us"}}).Draw(t, "do"))
	add("expect", rapid.SliceOfN(rapid.StringMatching(`[ -~]{0,10}[a-z<>&]`), 0, 3).Draw(t, "expect"))
	add("load", []any{})

	d, whole := yamldoc.Read(format, "x.yaml", []byte(small), set, new(Scenario))
	require.True(t, whole)
	return parse(t, small, set...), d.Root()
}

// shuffle reorders the keys of every mapping.
func shuffle(t *rapid.T, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		var pairs [][2]*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			pairs = append(pairs, [2]*yaml.Node{n.Content[i], n.Content[i+1]})
		}
		n.Content = nil
		for _, p := range rapid.Permutation(pairs).Draw(t, "order") {
			n.Content = append(n.Content, p[0], p[1])
		}
	}
	for _, c := range n.Content {
		shuffle(t, c)
	}
}

func TestFromCanonicalRefuses(t *testing.T) {
	good, err := parse(t, small).Canonical()
	require.NoError(t, err)
	for what, change := range map[string][3]string{
		"not JSON":            {`{"duration"`, `{duration`, "canonical scenario: invalid character"},
		"an unknown key":      {`"name":"small"`, `"name":"small","colour":1`, `canonical scenario: json: unknown field "colour"`},
		"a unit":              {`"duration":10000000000`, `"duration":"10s"`, "canonical scenario: json: cannot unmarshal string"},
		"out of range":        {`"workers":5`, `"workers":-5`, "canonical scenario: nodes.web.service.php.workers: workers is 1 to 1024, not -5"},
		"a zero for a bound":  {`"mtu":1500`, `"mtu":0`, "canonical scenario: links[0].mtu: mtu is 576 to 9000, not 0"},
		"a dangling name":     {`"from":"web"`, `"from":"bew"`, `canonical scenario: faults[0].from: "bew" is not an end of the link`},
		"a missing kind":      {`"http":{`, `"HTTP":null,"x":{`, "canonical scenario: "},
		"something behind it": {`"warmup":1000000000}`, `"warmup":1000000000}{}`, "canonical scenario: something follows it"},
	} {
		text := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		require.NotEqual(t, good, text, what)
		_, err := FromCanonical(text)
		require.ErrorContains(t, err, change[2], what)
		require.Equal(t, problem.Usage, problem.KindOf(err), what)
	}
	many := bytes.Replace(good, []byte(`"links":[`), []byte(`"links":[`+strings.Repeat(`{},`, 30_000)), 1)
	_, err = FromCanonical(many)
	require.ErrorContains(t, err, "canonical scenario: links: links has 30001 items, and 500 is the most")
	_, err = FromCanonical(make([]byte, 4*yamldoc.MostBytes+1))
	require.ErrorContains(t, err, "larger than")
}

// Consumers rely on pointers with a default not being nil, also in a record that a user edited.
func TestFromCanonicalFillsWhatIsMissing(t *testing.T) {
	s, err := FromCanonical(
		[]byte(`{"version":1,"name":"x","duration":1000,"machine":{"speed":500,"memory":402653184},"nodes":{"a":null}}`))
	require.ErrorContains(t, err, "duration is 1ms to 24h")
	require.Nil(t, s)
	s, err = FromCanonical([]byte(`{"version":1,"name":"x","duration":1000000000,"machine":{"speed":500,"memory":402653184},"nodes":{"a":{"role":"host"}}}`))
	require.NoError(t, err)
	require.NotNil(t, s.Timeline)
}

// A record of an earlier build has the hash of its scenario. It must hold, or the record cannot be
// replayed or compared.
func TestHashesOfEarlierBuildsHold(t *testing.T) {
	data, err := os.ReadFile("../record/result/testdata/early.json")
	require.NoError(t, err)
	var record struct {
		Scenario struct {
			Hash      string
			Canonical json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(data, &record))
	s, err := FromCanonical(record.Scenario.Canonical)
	require.NoError(t, err)
	require.Equal(t, record.Scenario.Hash, s.Hash())
	require.Equal(t, RetryIdle, s.Load[0].HTTP.Retry, "what the record does not say has its default")
	require.Equal(t, Duration(5e9), s.Nodes["web"].Service.PHP.Timeouts.Idle)
}

// Keys that are left out at their default are in the canonical form as soon as they say something else, and all of a
// group with them.
func TestKeysLeftOutAtTheirDefault(t *testing.T) {
	text := func(php, sql, http string) []byte {
		return []byte(`version: 1
name: x
duration: 1s
nodes:
  client:
  web: {service: {php: {database: db` + php + `}}}
  db: {service: {sql: {row: 1kB` + sql + `}}}
links: [{between: [client, web]}, {between: [web, db]}]
load: [{from: client, to: web, http: {arrivals: constant, rate: 1/s, keepalive: true` + http + `}}]
`)
	}
	plain, err := Parse("x", text("", "", ""), nil)
	require.NoError(t, err)
	spelt, err := Parse("x", text(", reconnect: idle, timeouts: {query: 30s, idle: 5s}",
		", timeouts: {idle: 480m, write: 1m}", ", retry: idle"), nil)
	require.NoError(t, err)
	require.Equal(t, plain.Hash(), spelt.Hash())
	canonical, err := plain.Canonical()
	require.NoError(t, err)
	for _, key := range []string{"retry", "reconnect", "timeouts", "first"} {
		require.NotContains(t, string(canonical), key)
	}
	back, err := FromCanonical(canonical)
	require.NoError(t, err)
	back.root = plain.root
	require.Equal(t, plain, back)

	for key, change := range map[string][3]string{
		`"retry":"off"`:                {"", "", ", retry: off"},
		`"idle":1000000000`:            {"", "", ", idle: 1s"},
		`"first":0`:                    {"", "", ", first: 0s"},
		`"reconnect":"always"`:         {", reconnect: always"},
		`"query":30000000000,"read":1`: {", timeouts: {read: 1s}"},
		`"timeouts":{"idle":1000000000,"read":30000000000,"write":60000000000}`: {"", ", timeouts: {idle: 1s}"},
		`"connections":3`: {"", ", connections: 3"},
	} {
		s, err := Parse("x", text(change[0], change[1], change[2]), nil)
		require.NoError(t, err, key)
		require.NotEqual(t, plain.Hash(), s.Hash(), key)
		canonical, err := s.Canonical()
		require.NoError(t, err)
		require.Contains(t, string(canonical), key)
		back, err := FromCanonical(canonical)
		require.NoError(t, err)
		back.root = s.root
		require.Equal(t, s, back)
	}
}
