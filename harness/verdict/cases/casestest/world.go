// Package casestest has a campaign in a fake world, for tests of what shows verdicts: hypotheses with every
// outcome, in several contexts, without a kernel.
package casestest

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Scenario is the file of the scenario.
const Scenario = `version: 1
name: shop
duration: 2s
timeline: off
nodes:
  client: {}
  web: {service: {php: {}}}
links:
  - {between: [client, web], delay: 10ms}
load:
  - {from: client, to: web, http: {rate: 20/s}}
faults:
  - {name: acks, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%}, do: watch}
  - {name: ecn, link: [client, web], from: client, select: {packets: pure-ack, chance: 10%}, do: watch}
`

// Campaign has a hypothesis for each thing that can come of one.
const Campaign = `version: 1
name: shop-peaks
about: Where do the load peaks come from? <b>Not from markup</b>.
scenario: shop.yaml
seeds: {least: 8, most: 200}
innocent: 30%
placebos: 20
factors:
  - {name: workers, set: nodes.web.service.php.workers, values: [10, 20]}
  - {name: speed, set: machine.speed, values: [500mips, 250mips]}
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - name: acks copied {n} times slow it down
    about: Each pure ACK in ten arrives several times, as in the night of the incident.
    family: acknowledgements
    each: {n: [3, 5]}
    cause: {faults.acks.do: "{duplicate: {n}}"}
    metric: http.latency.p99
    margin: 5%
    dose: fault.acks.delivered
    control: burn
  - {name: watched acks slow it down, family: acknowledgements, cause: {faults.acks.select.chance: 20%}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen, control: burn, expect: ruled-out}
  - {name: copies recover, family: mechanisms, kind: mechanism, in: every, cause: {faults.acks.do: "{duplicate: 3}"}, metric: web.TcpExt.TCPRenoRecovery}
  - name: the number of workers that the pool was configured with explains it
    family: mechanisms
    kind: explains
    cause: {faults.acks.do: "{duplicate: 3}"}
    relieved: {nodes.web.service.php.workers: 50}
    metric: http.latency.p99
    margin: 5%
    dose: fault.acks.delivered
    control: burn
  - {name: a little more to do, family: load, cause: {nodes.web.service.php.request.cpu: 3ms}, metric: http.latency.p50, margin: 5%, expect: confirmed}
  - {name: ecn copies slow it down, family: load, cause: {faults.ecn.do: "{duplicate: 2}"}, metric: http.latency.p99, margin: 5ms, dose: fault.ecn.delivered}
`

// Plan works out a campaign over [Scenario].
func Plan(t testing.TB, text string) *campaign.Plan {
	t.Helper()
	p, err := campaign.Parse("shop-peaks.yaml", []byte(text), nil,
		func(string) (string, []byte, error) { return "shop.yaml", []byte(Scenario), nil })
	require.NoError(t, err)
	return p
}

// Show is what a run would show. Copies cost 20 % unless there are 50 workers, and nothing where the CPU is slow; 5 ms
// of CPU cost 11 %, two margins, and 3 ms just about the margin. Copies of ecn never come about.
func Show(a *campaign.Arm, seed uint64) *archive.Entry {
	s := a.Scenario
	own := rand.New(rand.NewPCG(seed, hashed(a.Hash)))
	latency := 0.1 * math.Exp(rand.New(rand.NewPCG(seed, 1)).NormFloat64()*0.2+own.NormFloat64()*0.01)
	php := s.Nodes["web"].Service.PHP
	e := &archive.Entry{Valid: true, Scenario: a.Hash, Seed: seed, Kernel: "6.1.0",
		Run: result.Sum(fmt.Appendf(nil, "%s %d", a.Hash, seed)), Wall: 1}
	add := func(name string, v float64) { e.Values = append(e.Values, archive.Value{Name: name, Value: v}) }
	delivered, recoveries := 0., 0.
	if n := float64(s.Faults[0].Do.Duplicate); n > 0 {
		delivered, recoveries = 10*n, 4*n
		if php.Workers < 50 && s.Machine.Speed >= 500 {
			latency *= 1 + 0.066*n
		}
	}
	switch *php.Request.CPU {
	case 5e6:
		latency *= 1.11
	case 3e6:
		latency *= 1.05
	}
	add("fault.acks.chosen", math.Round(100*float64(*s.Faults[0].Select.Chance)))
	add("fault.acks.delivered", delivered)
	add("fault.ecn.delivered", 0)
	add("http.latency.p50", latency/2)
	add("http.latency.p99", latency)
	if recoveries > 0 {
		add("web.TcpExt.TCPRenoRecovery", recoveries)
	}
	return e
}

// hashed seeds an arm's own noise. Anything less of its name than a hash of all of it would give many arms
// the same noise.
func hashed(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Record is a run of the fake world as a runner hands it over: [Show] as a record.
func Record(a *campaign.Arm, seed uint64) *result.Record {
	e := Show(a, seed)
	r := &result.Record{
		Schema: 1, Run: e.Run, Digest: e.Run, Seed: seed, Valid: true, Provenance: result.Provenance{Kernel: e.Kernel},
		Scenario: result.Scenario{Name: a.Scenario.Name, Hash: a.Hash, Canonical: []byte("{}")},
		Metrics:  map[string]result.Metric{},
	}
	for _, v := range e.Values {
		r.Metrics[v.Name] = result.Metric{Value: v.Value}
	}
	return r
}

// Finish makes all runs that are wanted, unless most are made before.
func Finish(t testing.TB, p *campaign.Plan, an *cases.Analysis, most int) {
	t.Helper()
	made := 0
	Ask(an, nil, func(arm int, seed uint64) bool {
		if made++; made > most {
			return false
		}
		an.Add(arm, seed, Show(&p.Arms[arm], seed))
		return true
	})
}

// Ask asks an analysis what it needs until that is nothing, or run returns false, and calls run for each, in the order
// in which they are wanted or in another.
func Ask(an *cases.Analysis, order *rand.Rand, run func(arm int, seed uint64) bool) {
	for {
		needs := an.Needs(func(int, uint64) bool { return false })
		if len(needs) == 0 {
			return
		}
		if order != nil {
			needs = needs[:1+order.IntN(len(needs))]
			order.Shuffle(len(needs), func(i, j int) { needs[i], needs[j] = needs[j], needs[i] })
		}
		for _, n := range needs {
			for _, seed := range n.Seeds {
				if !run(n.Arm, seed) {
					return
				}
			}
		}
	}
}

// Many is a campaign of so many hypotheses in six contexts.
func Many(hypotheses int) string {
	text, _, _ := strings.Cut(Campaign, "hypotheses:")
	text = strings.Replace(text, "values: [10, 20]", "values: [10, 20, 30]", 1)
	text = strings.Replace(text, "most: 200", "most: 100", 1)
	var b strings.Builder
	b.WriteString(text + "hypotheses:\n  - name: \"{chance} of acks, {n}\"\n    each:\n      chance: [")
	for i := range (hypotheses + 9) / 10 {
		fmt.Fprintf(&b, "%d.%d%%, ", 1+i/10, i%10)
	}
	b.WriteString("]\n      n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" +
		"    cause: {faults.acks.do: \"{duplicate: {n}}\", faults.acks.select.chance: \"{chance}\"}\n" +
		"    metric: http.latency.p99\n    margin: 5%\n    dose: fault.acks.delivered\n    control: burn\n")
	return b.String()
}
