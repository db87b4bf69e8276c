package cases_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// A watch counts packets and gives none of them anything, so that its count is not a dose that the cause adds to,
// or takes from.
func TestDoseOfAWatchThatBecomesMore(t *testing.T) {
	p := casestest.Plan(t, `version: 1
name: doses
scenario: shop.yaml
placebos: 0
seeds: {least: 4, most: 4}
hypotheses:
  - {name: one in fifty is lost, cause: {faults.acks.select: "{packets: pure-ack, every: 50}", faults.acks.do: drop}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen}
  - {name: all that were watched are lost, cause: {faults.acks.do: drop}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen}
  - {name: more are watched, cause: {faults.acks.select.chance: 20%}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen}
  - {name: nothing is lost, base: {faults.acks.do: drop}, cause: {faults.acks.do: watch}, metric: http.latency.p99, margin: 5%, dose: fault.acks.delivered}
`)
	an, err := cases.New(p)
	require.NoError(t, err)
	chosen := []float64{0: 2000, 1: 40, 2: 2000, 3: 4000}
	for arm := range p.Arms {
		for seed := uint64(1); seed <= 4; seed++ {
			n := 2000.
			switch arm {
			case p.Cases[0].Treated:
				n = chosen[1]
			case p.Cases[2].Treated:
				n = chosen[3]
			}
			an.Add(arm, seed, &archive.Entry{Valid: true, Values: []archive.Value{
				{Name: "fault.acks.chosen", Value: n}, {Name: "fault.acks.delivered", Value: n}, {Name: "http.latency.p99", Value: 0.1},
			}})
		}
	}
	want := map[string]string{
		"one in fifty is lost":           "fault.acks.chosen 0 → 160",
		"all that were watched are lost": "fault.acks.chosen 0 → 8000",
		"more are watched":               "fault.acks.chosen ×2.00",
		"nothing is lost":                "fault.acks.delivered 8000 → 0",
	}
	for _, v := range an.Verdicts(true) {
		require.Equal(t, want[v.Entry], v.Dose.String(), v.Entry)
		require.Equal(t, 4, v.Dose.Given, v.Entry)
		require.NotEqual(t, verdict.Invalid, v.Outcome, v.Entry)
	}
}

// A seed in which the dose is the same in both arms, or was not measured, shows none.
func TestDoseIsCountedBySeed(t *testing.T) {
	p := casestest.Plan(t, `version: 1
name: doses
scenario: shop.yaml
placebos: 0
seeds: {least: 4, most: 4}
hypotheses:
  - {name: slower, cause: {links.client-web.delay: 30ms}, metric: http.latency.p99, margin: 1s, dose: http.latency.p50}
`)
	an, err := cases.New(p)
	require.NoError(t, err)
	for seed := uint64(1); seed <= 4; seed++ {
		for arm := range p.Arms {
			e := &archive.Entry{Valid: true,
				Values: []archive.Value{{Name: "http.latency.p50", Value: 5}, {Name: "http.latency.p99", Value: 1}}}
			switch {
			case arm == p.Cases[0].Treated && seed < 3:
				e.Values[0].Value += float64(seed)
			case arm == p.Cases[0].Treated && seed == 4:
				e.Values = e.Values[1:] // the dose was not measured
			}
			an.Add(arm, seed, e)
		}
	}
	v := an.Verdicts(true)[0]
	require.Equal(t, verdict.Dose{Counter: "http.latency.p50", Base: 15, Treated: 18, Given: 2, Seeds: 4}, v.Dose)
}
