package cases_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

const suspicions = `version: 1
name: acks
scenario: shop.yaml
seeds: {least: 4, most: 120}
placebos: 50
innocent: 20%
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
  - {name: copies slow it down, cause: {faults.acks.do: "{duplicate: 3}"}, metric: http.latency.p99, margin: 5%, dose: fault.acks.delivered, control: burn}
  - {name: watching slows it down, cause: {faults.acks.select.chance: 20%}, metric: http.latency.p99, margin: 5%, dose: fault.acks.chosen, control: burn}
  - {name: one copy recovers, kind: mechanism, in: every, cause: {faults.acks.do: "{duplicate: 3}"}, metric: web.TcpExt.TCPRenoRecovery}
  - name: the workers explain it
    kind: explains
    cause: {faults.acks.do: "{duplicate: 3}"}
    relieved: {nodes.web.service.php.workers: 50}
    metric: http.latency.p99
    margin: 5%
    dose: fault.acks.delivered
    control: burn
  - {name: nobody looked, cause: {faults.acks.select.chance: 30%}, metric: http.latency.p50, margin: 5%, dose: fault.acks.chosen}
`

func newAnalysis(t *testing.T) (*campaign.Plan, *cases.Analysis) {
	p := casestest.Plan(t, suspicions)
	an, err := cases.New(p)
	require.NoError(t, err)
	return p, an
}

func world(p *campaign.Plan, arm int, seed uint64) *archive.Entry {
	return casestest.Show(&p.Arms[arm], seed)
}

// finish makes all runs that are wanted, in the order in which they are wanted, or another.
func finish(an *cases.Analysis, p *campaign.Plan, order *rand.Rand) (runs int) {
	casestest.Ask(an, order, func(arm int, seed uint64) bool {
		an.Add(arm, seed, world(p, arm, seed))
		runs++
		return true
	})
	return runs
}

func outcomes(list []cases.Verdict) map[string]verdict.Outcome {
	m := map[string]verdict.Outcome{}
	for _, v := range list {
		m[v.Case.Name] = v.Outcome
	}
	return m
}

func TestVerdicts(t *testing.T) {
	p, an := newAnalysis(t)
	runs := finish(an, p, nil)
	got := an.Verdicts(true)
	require.Equal(t, map[string]verdict.Outcome{
		"copies slow it down":             verdict.Confirmed,
		"watching slows it down":          verdict.RuledOut,
		"one copy recovers":               verdict.Confirmed,
		"the workers explain it":          verdict.Confirmed,
		"nobody looked":                   verdict.Inconclusive,
		"placebo: copies slow it down":    verdict.Inconclusive,
		"placebo: the workers explain it": verdict.Inconclusive, // ruled out needs a dose, which a placebo has not
	}, outcomes(got))
	require.True(t, got[4].Has(verdict.ControlNotRun), "without a control nothing is ruled out")
	require.Less(t, runs, len(p.Arms)*120, "cases stopped early")
	progress := an.Progress()
	require.Equal(t, len(p.Cases), progress.Cases)
	require.Equal(t, len(p.Cases), progress.Decided)
	require.Equal(t, runs, progress.Runs)
}

// However often a sweep was interrupted and in whatever order its runs came, the verdicts are the same to
// the last digit.
func TestOrderDoesNotMatter(t *testing.T) {
	p, an := newAnalysis(t)
	finish(an, p, nil)
	want := an.Verdicts(true)
	for seed := range uint64(5) {
		_, an := newAnalysis(t)
		finish(an, p, rand.New(rand.NewPCG(seed, 2)))
		require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", an.Verdicts(true)))
	}
	// Seeds that are there for others are not looked at.
	_, an = newAnalysis(t)
	for arm := range p.Arms {
		for _, seed := range p.Seeds() {
			an.Add(arm, seed, world(p, arm, seed))
		}
	}
	require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", an.Verdicts(true)))
}

func TestLosses(t *testing.T) {
	for _, c := range []struct {
		kinds []result.Kind
		want  verdict.Loss
	}{
		{[]result.Kind{result.FaultDidNotAct}, verdict.FaultIdle},
		{[]result.Kind{result.GeneratorLate}, verdict.LoadBehind},
		{[]result.Kind{result.GeneratorLate, result.NoConnection, result.FaultIncomplete}, verdict.FaultIdle},
		{[]result.Kind{result.NoTimestamps}, verdict.FaultIdle},
		{[]result.Kind{result.UnexplainedLoss}, verdict.Broken},
		{nil, verdict.Broken}, // of an early build
	} {
		require.Equal(t, c.want, cases.LossOf(c.kinds), c.kinds)
	}
	p, an := newAnalysis(t)
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		e := world(p, arm, seed)
		switch arm {
		case p.Cases[0].Treated:
			e.Valid, e.Kinds = false, []result.Kind{result.NoConnection}
			an.Add(arm, seed, e)
		case p.Cases[1].Treated:
			an.Break(arm, seed)
		default:
			an.Add(arm, seed, e)
		}
		return true
	})
	got := an.Verdicts(true)
	for i, want := range []verdict.Code{verdict.FaultDidNotAct, verdict.RunsBroken} {
		require.Equal(t, verdict.Invalid, got[i].Outcome)
		require.True(t, got[i].Has(want), got[i].Reasons)
		require.False(t, got[1-i].Has(want), got[1-i].Reasons)
	}
}

func TestMissedControl(t *testing.T) {
	p, an := newAnalysis(t)
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		shown := arm
		if arm == p.Controls[0].Treated {
			shown = p.Controls[0].Base // the burn does nothing
		}
		an.Add(arm, seed, world(p, shown, seed))
		return true
	})
	got := an.Verdicts(true)
	require.Equal(t, verdict.Invalid, got[1].Outcome)
	require.True(t, got[1].Has(verdict.ControlMissed))
}

// What is being run is not wanted twice, and the most important comes first.
func TestNeeds(t *testing.T) {
	p := casestest.Plan(t, suspicions)
	p.Cases[4].Priority = 9
	an, err := cases.New(p)
	require.NoError(t, err)
	needs := an.Needs(func(int, uint64) bool { return false })
	require.Contains(t, p.Cases[4].Arms(), needs[0].Arm)
	require.Equal(t, []uint64{1, 2, 3, 4}, needs[0].Seeds)
	again := an.Needs(func(arm int, seed uint64) bool { return arm == needs[0].Arm && seed < 4 })
	for _, n := range again {
		if n.Arm == needs[0].Arm {
			require.Equal(t, []uint64{4}, n.Seeds)
		}
	}
}

// Past the first look, one innocent is ruled out before the next is gone on with, so that a sweep that ends early has
// ruled out some.
func TestOneAfterTheOther(t *testing.T) {
	p, an := newAnalysis(t)
	watching, nobody := p.Cases[1].Treated, p.Cases[4].Treated
	for !an.Decided(1) && !an.Decided(4) {
		n := an.Needs(func(int, uint64) bool { return false })[0]
		for _, seed := range n.Seeds {
			an.Add(n.Arm, seed, world(p, n.Arm, seed))
		}
	}
	first, second := an.Count(watching), an.Count(nobody)
	require.GreaterOrEqual(t, max(first, second), cases.RuleOf(p).LeastToRuleOut(cases.RuleOf(p).RuleOut))
	require.LessOrEqual(t, min(first, second), cases.Look+cases.Block)
	require.GreaterOrEqual(t, min(first, second), cases.Look, "all were looked at before")
}

// What a verdict rests on can be shown pair by pair, and the verdict follows from the pairs.
func TestPairs(t *testing.T) {
	p, an := newAnalysis(t)
	finish(an, p, nil)
	for i, v := range an.Verdicts(true) {
		c := &p.Cases[i]
		state, err := verdict.NewState(c.Hypothesis, cases.RuleOf(p).Rule)
		require.NoError(t, err)
		pairs := an.Pairs(i)
		require.NotEmpty(t, pairs)
		for n, pair := range pairs {
			require.Empty(t, pair.Loss)
			switch {
			case c.Placebo():
				require.Equal(t, pair.Seed+1, pair.Treated)
				require.Equal(t, uint64(1+2*n), pair.Seed)
			default:
				require.Equal(t, pair.Seed, pair.Treated)
			}
			if c.Kind == verdict.Explains {
				state.AddContrast(pair.Pair, *pair.Relieved)
			} else {
				require.Nil(t, pair.Relieved)
				state.Add(pair.Pair)
			}
		}
		require.Equal(t, v.Seeds, len(pairs))
		require.Equal(t, v.Evidence, state.Evidence(), c.Name)
	}
}

func TestPairsThatAreLost(t *testing.T) {
	p, an := newAnalysis(t)
	c := &p.Cases[0]
	for seed := uint64(1); seed <= 4; seed++ {
		an.Add(c.Base, seed, world(p, c.Base, seed))
		if seed == 2 {
			an.Break(c.Treated, seed)
			continue
		}
		e := world(p, c.Treated, seed)
		if seed == 3 {
			e.Values = e.Values[:2] // the latency was not measured
		}
		an.Add(c.Treated, seed, e)
	}
	var losses []verdict.Loss
	for _, pair := range an.Pairs(0) {
		losses = append(losses, pair.Loss)
	}
	require.Equal(t, []verdict.Loss{"", verdict.Broken, verdict.NotMeasured, ""}, losses)
	require.Zero(t, an.Pairs(0)[1].Pair.Treated, "there is no run that shows anything else")
	controls := an.Controls(false)
	require.Len(t, controls, len(p.Controls))
	require.Equal(t, verdict.Pending, controls[0].Status)
	require.True(t, controls[0].Asked)
}
