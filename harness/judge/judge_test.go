package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/verdict"
)

const network = `version: 1
name: small
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
`

const suspicions = `version: 1
name: acks
scenario: small.yaml
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

func newPlan(t *testing.T) *campaign.Plan {
	p, err := campaign.Parse("acks.yaml", []byte(suspicions), nil, func(string) (string, []byte, error) { return "small.yaml", []byte(network), nil })
	require.NoError(t, err)
	return p
}

// world is a fake one: what a run of an arm would show. Copies cost 20 %, unless there are 50 workers; the burn costs 30 %.
func world(p *campaign.Plan, arm int, seed uint64) *archive.Entry {
	s := p.Arms[arm].Scenario
	common := rand.New(rand.NewPCG(seed, 1)).NormFloat64() * 0.2 // what both arms of a pair share
	own := rand.New(rand.NewPCG(seed, uint64(arm)+100)).NormFloat64() * 0.01
	latency, delivered, recoveries := 0.1*math.Exp(common+own), 0., 0.
	if s.Faults[0].Do.Duplicate > 0 {
		delivered, recoveries = 30, 12
		if s.Nodes["web"].Service.PHP.Workers < 50 {
			latency *= 1.2
		}
	}
	if *s.Nodes["web"].Service.PHP.Request.CPU > 1e6 {
		latency *= 1.3
	}
	e := &archive.Entry{Valid: true, Scenario: p.Arms[arm].Hash, Seed: seed, Values: []archive.Value{
		{Name: "fault.acks.chosen", Value: 100 * float64(*s.Faults[0].Select.Chance)},
		{Name: "fault.acks.delivered", Value: delivered},
		{Name: "http.latency.p50", Value: latency}, {Name: "http.latency.p99", Value: latency},
	}}
	if recoveries > 0 {
		e.Values = append(e.Values, archive.Value{Name: "web.TcpExt.TCPRenoRecovery", Value: recoveries})
	}
	return e
}

// finish makes all runs that are wanted, in the order in which they are wanted, or another.
func finish(t *testing.T, b *Bench, p *campaign.Plan, shuffle *rand.Rand) (runs int) {
	t.Helper()
	for {
		needs := b.Needs(func(int, uint64) bool { return false })
		if len(needs) == 0 {
			return runs
		}
		if shuffle != nil {
			needs = needs[:1+shuffle.IntN(len(needs))]
			shuffle.Shuffle(len(needs), func(i, j int) { needs[i], needs[j] = needs[j], needs[i] })
		}
		for _, n := range needs {
			require.NotEmpty(t, n.Seeds)
			for _, seed := range n.Seeds {
				b.Add(n.Arm, seed, world(p, n.Arm, seed))
				runs++
			}
		}
	}
}

func outcomes(list []Verdict) map[string]verdict.Outcome {
	m := map[string]verdict.Outcome{}
	for _, v := range list {
		m[v.Case.Name] = v.Outcome
	}
	return m
}

func TestVerdicts(t *testing.T) {
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	runs := finish(t, b, p, nil)
	got := b.Verdicts(true)
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
	progress := b.Progress()
	require.Equal(t, len(p.Cases), progress.Cases)
	require.Equal(t, len(p.Cases), progress.Decided)
	require.Equal(t, runs, progress.Runs)
}

// However often a sweep was interrupted and in whatever order its runs came, the verdicts are the same to the last digit.
func TestOrderDoesNotMatter(t *testing.T) {
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	finish(t, b, p, nil)
	want := b.Verdicts(true)
	for seed := range uint64(5) {
		b, err := New(p)
		require.NoError(t, err)
		finish(t, b, p, rand.New(rand.NewPCG(seed, 2)))
		require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", b.Verdicts(true)))
	}
	// Seeds that are there for others are not looked at.
	b, err = New(p)
	require.NoError(t, err)
	for arm := range p.Arms {
		for _, seed := range p.Seeds() {
			b.Add(arm, seed, world(p, arm, seed))
		}
	}
	require.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", b.Verdicts(true)))
}

func TestLosses(t *testing.T) {
	for because, want := range map[string]verdict.Loss{
		"fault acks: the fault never acted: 0 of 100 packets matched":                      verdict.FaultIdle,
		"load[0] from client fell behind its own plan: 1 request in 100 was over 9ms late": verdict.LoadBehind,
		"link a to b: 3 packets lost":                                                      verdict.Broken,
	} {
		require.Equal(t, want, lossOf(because))
	}
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	for {
		needs := b.Needs(func(int, uint64) bool { return false })
		if len(needs) == 0 {
			break
		}
		for _, n := range needs {
			for _, seed := range n.Seeds {
				e := world(p, n.Arm, seed)
				switch n.Arm {
				case p.Cases[0].Treated:
					e.Valid, e.Because = false, "fault acks: the fault never acted: 0 of 100 packets matched"
					b.Add(n.Arm, seed, e)
				case p.Cases[1].Treated:
					b.Break(n.Arm, seed)
				default:
					b.Add(n.Arm, seed, e)
				}
			}
		}
	}
	got := outcomes(b.Verdicts(true))
	require.Equal(t, verdict.Invalid, got["copies slow it down"])
	require.Equal(t, verdict.Invalid, got["watching slows it down"])
}

func TestMissedControl(t *testing.T) {
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	for {
		needs := b.Needs(func(int, uint64) bool { return false })
		if len(needs) == 0 {
			break
		}
		for _, n := range needs {
			for _, seed := range n.Seeds {
				arm := n.Arm
				if arm == p.Controls[0].Treated {
					arm = p.Controls[0].Base // the burn does nothing
				}
				b.Add(n.Arm, seed, world(p, arm, seed))
			}
		}
	}
	got := b.Verdicts(true)
	require.Equal(t, verdict.Invalid, got[1].Outcome)
	require.True(t, got[1].Has(verdict.ControlMissed))
}

// What is being run is not wanted twice, and the most important comes first.
func TestNeeds(t *testing.T) {
	p := newPlan(t)
	p.Cases[4].Priority = 9
	b, err := New(p)
	require.NoError(t, err)
	needs := b.Needs(func(int, uint64) bool { return false })
	require.Contains(t, p.Cases[4].Arms(), needs[0].Arm)
	require.Equal(t, []uint64{1, 2, 3, 4}, needs[0].Seeds)
	again := b.Needs(func(arm int, seed uint64) bool { return arm == needs[0].Arm && seed < 4 })
	for _, n := range again {
		if n.Arm == needs[0].Arm {
			require.Equal(t, []uint64{4}, n.Seeds)
		}
	}
}

// Past the first look, one innocent is ruled out before the next is gone on with, so that a sweep that ends early has ruled out some.
func TestOneAfterTheOther(t *testing.T) {
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	watching, nobody := p.Cases[1].Treated, p.Cases[4].Treated
	for !b.Decided(1) && !b.Decided(4) {
		n := b.Needs(func(int, uint64) bool { return false })[0]
		for _, seed := range n.Seeds {
			b.Add(n.Arm, seed, world(p, n.Arm, seed))
		}
	}
	first, second := b.arms[watching].count, b.arms[nobody].count
	require.GreaterOrEqual(t, max(first, second), SeedsToRuleOut(b.rule.RuleOut))
	require.LessOrEqual(t, min(first, second), Look+Block)
	require.GreaterOrEqual(t, min(first, second), Look, "all were looked at before")
}

// What a verdict rests on can be shown pair by pair, and the verdict follows from the pairs.
func TestPairs(t *testing.T) {
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	finish(t, b, p, nil)
	for i, v := range b.Verdicts(true) {
		c := &p.Cases[i]
		state, err := verdict.NewState(c.Hypothesis, RuleOf(p).Rule)
		require.NoError(t, err)
		pairs := b.Pairs(i)
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
	p := newPlan(t)
	b, err := New(p)
	require.NoError(t, err)
	c := &p.Cases[0]
	for seed := uint64(1); seed <= 4; seed++ {
		b.Add(c.Base, seed, world(p, c.Base, seed))
		if seed == 2 {
			b.Break(c.Treated, seed)
			continue
		}
		e := world(p, c.Treated, seed)
		if seed == 3 {
			e.Values = e.Values[:2] // nobody measured the latency
		}
		b.Add(c.Treated, seed, e)
	}
	var losses []verdict.Loss
	for _, pair := range b.Pairs(0) {
		losses = append(losses, pair.Loss)
	}
	require.Equal(t, []verdict.Loss{"", verdict.Broken, verdict.NotMeasured, ""}, losses)
	sightings := b.Sightings(false)
	require.Len(t, sightings, len(p.Controls))
	require.Equal(t, verdict.Pending, sightings[0].Sighting)
	require.True(t, sightings[0].Asked)
}
