package campaign

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict"
)

const network = `version: 1
name: small
duration: 2s
timeline: off
nodes:
  client: {}
  web: {sysctls: {net.ipv4.tcp_sack: 1}, service: {php: {database: db, request: {queries: 1}}}}
  db: {service: {sql: {}}}
links:
  - {between: [client, web], delay: 10ms}
  - {between: [web, db]}
load:
  - {from: client, to: web, http: {rate: 20/s}}
faults:
  - {name: acks, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%}, do: watch}
`

const suspicions = `version: 1
name: acks
scenario: small.yaml
seeds: {least: 4, most: 70}
placebos: 10
factors:
  - {name: sack, set: nodes.web.sysctls.net.ipv4.tcp_sack, values: [0, 1]}
  - {name: kernel, kernels: ["5.10", "6.1"]}
  - {name: path, settings: {near: {"links[0].delay": 1ms}, far: {"links[0].delay": 40ms}}}
except:
  - {sack: 1, kernel: "5.10"}
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - name: "{n} copies, {what}"
    each: {n: [1, 3], what: [http.latency.p99, http.latency.mean]}
    cause: {faults.acks.do: "{duplicate: {n}}"}
    metric: "{what}"
    margin: 5%
    dose: fault.acks.delivered
    control: burn
  - name: copies move recoveries
    kind: mechanism
    in: every
    cause: {faults.acks.do.duplicate: 3, faults.acks.do.watch: false}
    metric: web.TcpExt.TCPRenoRecovery
  - name: SACK explains
    kind: explains
    cause: {faults.acks.do: "{duplicate: 3}"}
    relieved: {nodes.web.sysctls.net.ipv4.tcp_dsack: 0}
    metric: http.latency.p99
    margin: 20ms
    expect: ruled-out
`

func plan(t *testing.T, text string, set ...string) (*Plan, error) {
	t.Helper()
	return Parse("acks.yaml", []byte(text), set, func(string) (string, []byte, error) {
		return "small.yaml", []byte(network), nil
	})
}

func TestExpand(t *testing.T) {
	p, err := plan(t, suspicions)
	require.NoError(t, err)
	require.Len(t, p.Contexts, 6, "2 × 2 × 2, less the two with SACK on 5.10")
	real := 0
	for _, c := range p.Cases {
		if !c.Placebo() {
			real++
		}
	}
	require.Equal(t, 6*6, real)
	require.Len(t, p.Cases, real+3, "10 placebos in a hundred")
	// In each context: base, 1 copy, 3 copies, the control's, and the two that are relieved.
	require.Len(t, p.Arms, 6*6, "arms are shared between metrics")
	require.Len(t, p.Controls, 6*2, "one for each metric and context")
	require.Equal(t, []string{"5.10", "6.1"}, p.Kernels())
	require.Len(t, p.Seeds(), 70)

	first := p.Cases[0]
	require.Equal(t, "1 copies, http.latency.p99 (sack 0, kernel 5.10, path far)", first.Name)
	require.Equal(t, verdict.Ratio, first.Scale)
	require.InDelta(t, 0.05, first.Margin, 1e-12)
	require.Equal(t, "… copies, …", first.Family)
	require.Equal(t, map[string]string{"faults.acks.do": "{duplicate: 1}", "nodes.web.sysctls.net.ipv4.tcp_sack": "0",
		"links[0].delay": "40ms"}, p.Arms[first.Treated].Set)
	require.Equal(t, 1, p.Arms[first.Treated].Scenario.Faults[0].Do.Duplicate)
	require.True(t, p.Arms[first.Base].Scenario.Faults[0].Do.Watch)

	last := p.Cases[real-1]
	require.Equal(t, verdict.Explains, last.Kind)
	require.Equal(t, verdict.Difference, last.Scale)
	require.InDelta(t, 0.02, last.Margin, 1e-12)
	require.Equal(t, verdict.RuledOut, last.Expected)
	require.Len(t, last.Arms(), 4)
	for _, c := range p.Cases {
		require.NoError(t, c.Check())
	}
}

// Controls come with what they serve: all of them first would leave nothing judged when a sweep ends early.
func TestControlsAreAsUrgentAsWhatTheyServe(t *testing.T) {
	p, err := plan(t, suspicions, "hypotheses[0].priority=3", "placebos=0")
	require.NoError(t, err)
	for _, c := range p.Controls {
		require.Equal(t, 3, c.Priority)
	}
	for _, c := range p.Cases {
		require.Equal(t, c.Control != None, c.Priority == 3)
	}
	later := strings.Replace(suspicions, "  - name: copies move recoveries", `  - name: watching
    priority: 2
    cause: {faults.acks.select.chance: 20%}
    metric: http.latency.p99
    margin: 5%
    control: burn
  - name: copies move recoveries`, 1)
	p, err = plan(t, later)
	require.NoError(t, err)
	for _, c := range p.Controls {
		require.Equal(t, map[string]int{"http.latency.p99": 2, "http.latency.mean": 0}[c.Metric], c.Priority,
			"the most urgent of those that share it")
	}
}

// A hypothesis without a metric is one for each measure, on the same arms.
func TestMeasures(t *testing.T) {
	measured := strings.Replace(suspicions, "hypotheses:", `measures:
  slow: {metric: http.latency.p99, margin: 20ms, control: burn}
  lost: {metric: http.errors, margin: 1, direction: either}
hypotheses:
  - {name: "watching {share}", each: {share: [20%, 30%]}, cause: {faults.acks.select.chance: "{share}"}, dose: fault.acks.chosen}
  - {name: one measure, family: acks, cause: {faults.acks.select.chance: 20%}, measures: [lost]}`, 1)
	p, err := plan(t, measured, "factors=[]", "except=[]", "placebos=0")
	require.NoError(t, err)
	var names []string
	for _, c := range p.Cases[:5] {
		names = append(names, c.Family+"; "+c.Name)
	}
	require.Equal(t, []string{"watching …; watching 20%, by lost", "watching …; watching 20%, by slow",
		"watching …; watching 30%, by lost", "watching …; watching 30%, by slow",
		"acks; one measure, by lost"}, names)
	require.Equal(t, p.Cases[0].Arms(), p.Cases[1].Arms())
	require.Equal(t, verdict.Either, p.Cases[0].Direction)
	require.Equal(t, None, p.Cases[0].Control)
	require.Equal(t, verdict.Difference, p.Cases[1].Scale)
	require.InDelta(t, 0.02, p.Cases[1].Margin, 1e-12)
	require.Equal(t, "http.latency.p99", p.Controls[p.Cases[1].Control].Metric)
}

// The same file gives the same plan: a sweep that is resumed relies on it.
func TestExpandIsRepeatable(t *testing.T) {
	for _, cover := range []string{"all", "pairs"} {
		a, err := plan(t, suspicions, "cover="+cover)
		require.NoError(t, err)
		b, err := plan(t, suspicions, "cover="+cover)
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}

func TestPairsAreFewer(t *testing.T) {
	more := strings.Replace(suspicions, "except:", "  - {name: rate, set: load.0.http.rate, values: [5/s, 10/s, 15/s]}\n"+
		"  - {name: queue, set: links.client-web.queue, values: [10, 100, 1000]}\nexcept:", 1)
	all, err := plan(t, more)
	require.NoError(t, err)
	pairs, err := plan(t, more, "cover=pairs")
	require.NoError(t, err)
	require.Len(t, all.Contexts, 54)
	require.Less(t, len(pairs.Contexts), 16)
	for _, c := range pairs.Contexts {
		require.NotEqual(t, "1 5.10", c[0].Value+" "+c[1].Value)
	}
}

func TestRange(t *testing.T) {
	text := strings.Replace(suspicions, "values: [0, 1]}",
		"values: [0, 1]}\n  - {name: rtt, set: \"links[0].delay\", range: {from: 1ms, to: 100ms, samples: 4, scale: log}}", 1)
	text = strings.Replace(text,
		"  - {name: path, settings: {near: {\"links[0].delay\": 1ms}, far: {\"links[0].delay\": 40ms}}}\n", "", 1)
	p, err := plan(t, text)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range p.Contexts {
		seen[c[1].Value] = true
	}
	require.Len(t, seen, 4)
	require.Len(t, p.Contexts, 3*4, "the points of the hypercube with each combination of the others")
}

var want = regexp.MustCompile(`# want: ("(?:[^"\\]|\\.)*")`)

// Every file is wrong in the lines that say what is wanted, and in no others.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			wants, got := map[int]string{}, map[int]string{}
			for i, line := range strings.Split(string(data), "\n") {
				if m := want.FindStringSubmatch(line); m != nil {
					wants[i+1], err = strconv.Unquote(m[1])
					require.NoError(t, err)
				}
			}
			_, err = plan(t, string(data))
			require.Equal(t, problem.Usage, problem.KindOf(err))
			var list *yamldoc.Errors
			require.ErrorAs(t, err, &list)
			for _, e := range list.List {
				require.NotContains(t, got, e.Line, "a second message for line %d: %s", e.Line, e.Msg)
				got[e.Line] = e.Msg
			}
			require.Equal(t, wants, got)
		})
	}
}
