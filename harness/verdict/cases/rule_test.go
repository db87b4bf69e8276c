package cases_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// small is a campaign of so many hypotheses about one metric, with keys of its own.
func small(t *testing.T, n int, keys string) *campaign.Plan {
	text := "version: 1\nname: small\nscenario: shop.yaml\n" + keys + `
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
hypotheses:
`
	for i := range n {
		text += fmt.Sprintf("  - {name: \"number %d\", cause: {links.client-web.queue: %d}, metric: http.latency.p99, "+
			"margin: 1s, dose: web.Tcp.InSegs, control: burn, expect: confirmed}\n", i, 500+i)
	}
	return casestest.Plan(t, text)
}

// entry is a run that shows this latency, and a dose.
func entry(latency, dose float64) *archive.Entry {
	return &archive.Entry{Valid: true,
		Values: []archive.Value{{Name: "http.latency.p99", Value: latency}, {Name: "web.Tcp.InSegs", Value: dose}}}
}

// feed makes the runs that are wanted: treated arms differ from base by what of says of a case and a seed, and
// controls by two margins.
func feed(t *testing.T, p *campaign.Plan, of func(c int, seed uint64) float64) *cases.Analysis {
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		level := float64(seed) // which is in all arms alike
		e := entry(level, 5)
		for i, c := range p.Cases {
			if !c.Placebo() && arm == c.Treated {
				e = entry(level+of(i, seed), 6)
			}
		}
		for _, c := range p.Controls {
			if arm == c.Treated {
				e = entry(level+2, 5)
			}
		}
		an.Add(arm, seed, e)
		return true
	})
	return an
}

// The e-values at which cases stop follow from the file: K/α and K/(α·⌊K·innocent⌋) for K cases without the
// placebos, and 1/α for a control.
func TestRuleOf(t *testing.T) {
	for _, c := range []struct {
		n                         int
		keys                      string
		confirm, ruleOut, control float64
		rare, against             float64
	}{
		{10, "", 200, 40, 20, 0.05, 0},
		{10, "innocent: 25%", 200, 100, 20, 0.05, 0},
		{10, "placebos: 50", 200, 40, 20, 0.05, 0},
		{1, "", 20, 20, 20, 0.05, 0},
		{10, "false-discovery: 1%\nrare: 2%\nagainst: 10%", 1000, 200, 100, 0.02, 0.1},
	} {
		rule := cases.RuleOf(small(t, c.n, c.keys))
		require.InDelta(t, c.confirm, rule.Confirm, 1e-9, c.keys)
		require.InDelta(t, c.ruleOut, rule.RuleOut, 1e-9, c.keys)
		require.InDelta(t, c.control, rule.Control, 1e-9, c.keys)
		require.InDelta(t, c.rare, rule.Rare, 1e-12, c.keys)
		require.InDelta(t, c.against, rule.Against, 1e-12, c.keys)
	}
}

// A case is looked at after seeds.least, and then after each further twelve, and at no other time.
func TestLooksAfterBlocks(t *testing.T) {
	p := small(t, 4, "placebos: 0\ninnocent: 25%\nseeds: {least: 5, most: 200}")
	an := feed(t, p, func(c int, seed uint64) float64 {
		odd := float64(seed % 2)
		if c == 0 && seed <= 5 {
			return 0
		}
		return []float64{4 + odd, 4 + odd, 0, 0.5 + odd}[c]
	})
	got := an.Verdicts(true)
	// One whose effect begins with the sixth seed, one that has it from the first, one without, and one that is at
	// the margin.
	require.Equal(t, []int{29, 17, 101, 200}, []int{got[0].Seeds, got[1].Seeds, got[2].Seeds, got[3].Seeds})
	require.Equal(t, []verdict.Outcome{verdict.Confirmed, verdict.Confirmed, verdict.RuledOut, verdict.Inconclusive},
		[]verdict.Outcome{got[0].Outcome, got[1].Outcome, got[2].Outcome, got[3].Outcome})
	require.Equal(t, []bool{true, true, false, false},
		[]bool{got[0].AsExpected, got[1].AsExpected, got[2].AsExpected, got[3].AsExpected})
	for i := range got {
		require.True(t, an.Decided(i))
	}
}

// What explains a part of an effect is known to do so after a few seeds, and gets no more of them.
func TestAPartIsAnEnd(t *testing.T) {
	p := casestest.Plan(t, `version: 1
name: part
scenario: shop.yaml
placebos: 0
seeds: {least: 4, most: 200}
hypotheses:
  - {name: the queue explains it, kind: explains, cause: {links.client-web.delay: 30ms}, relieved: {links.client-web.queue: 500}, metric: http.latency.p99, margin: 1s, dose: web.Tcp.InSegs}
`)
	an, err := cases.New(p)
	require.NoError(t, err)
	c := p.Cases[0]
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		noise := 0.1 * float64(seed%3)
		an.Add(arm, seed, entry(map[int]float64{c.Base: 0, c.Treated: 9, c.BaseRelieved: 1, c.TreatedRelieved: 5}[arm]+
			noise*float64(1+arm), float64(arm)))
		return true
	})
	v := an.Verdicts(true)[0]
	require.Equal(t, verdict.Inconclusive, v.Outcome)
	require.True(t, v.Has(verdict.ExplainsPart), "%s", v.Verdict)
	require.Equal(t, 16, v.Seeds, "%s", v.Verdict)
	require.InDelta(t, 9, v.InPlace.Value, 0.5)
	require.InDelta(t, 4, v.Remaining.Value, 0.5)
	require.InDelta(t, 5, v.Estimate.Value, 0.5)
	require.Equal(t, v.Seeds, v.Dose.Given)
}

// A placebo pairs seeds 1 and 2, 3 and 4, and so on, each once; it is judged among placebos only, so that it moves
// no bar.
func TestPlacebosAreAmongThemselves(t *testing.T) {
	p := small(t, 2, "placebos: 100\nseeds: {least: 8, most: 8}")
	an := feed(t, p, func(c int, seed uint64) float64 { return 3 + float64(seed)/100 })
	got := an.Verdicts(true)
	require.Len(t, got, 4)
	for _, v := range got {
		if v.Case.Placebo() {
			require.Equal(t, 4, v.Seeds)
			require.InDelta(t, 1, v.Estimate.Value, 1e-12, "seed 2 after seed 1, and so on")
			continue
		}
		require.Equal(t, verdict.Confirmed, v.Outcome)
		require.InDelta(t, 20, v.Bars.Confirm, 1e-9, "2 of 2")
	}
}

// A case has the control of its own context, metric and margin, and the size that this has.
func TestEachCaseHasItsOwnControl(t *testing.T) {
	p := casestest.Plan(t, `version: 1
name: controls
scenario: shop.yaml
placebos: 0
seeds: {least: 8, most: 8}
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
  crowd: {cause: {nodes.web.service.php.workers: 1}}
hypotheses:
  - {name: a, cause: {links.client-web.queue: 500}, metric: http.latency.p99, margin: 1s, control: burn}
  - {name: b, cause: {links.client-web.queue: 500}, metric: http.latency.p99, margin: 1s, control: crowd}
  - {name: c, cause: {links.client-web.queue: 500}, metric: http.latency.p99, margin: 1s}
`)
	an, err := cases.New(p)
	require.NoError(t, err)
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		latency := 0.
		for i, size := range []float64{3, 12} {
			if arm == p.Controls[i].Treated {
				latency = size
			}
		}
		an.Add(arm, seed, entry(latency+float64(seed%2)/100, 1))
		return true
	})
	got := an.Verdicts(true)
	require.Equal(t, "burn, 3.0 margins", got[0].Control.String())
	require.Equal(t, "crowd, 12.0 margins", got[1].Control.String())
	require.Empty(t, got[2].Control.Name)
}

// Who is confirmed needs no control any more. Who is to be ruled out does, also once it has had enough seeds itself.
func TestWhoStillNeedsTheControl(t *testing.T) {
	for _, effect := range []float64{0, 5} {
		p := small(t, 1, "placebos: 0")
		an, err := cases.New(p)
		require.NoError(t, err)
		for _, seed := range p.Seeds() {
			an.Add(p.Cases[0].Base, seed, entry(1, 5))
			an.Add(p.Cases[0].Treated, seed, entry(1+effect, 6))
		}
		require.True(t, an.Decided(0))
		needs := an.Needs(func(int, uint64) bool { return false })
		if effect > 0 {
			require.Empty(t, needs)
			continue
		}
		require.Len(t, needs, 1)
		require.Equal(t, p.Controls[0].Treated, needs[0].Arm)
		require.Equal(t, verdict.Inconclusive, an.Verdicts(false)[0].Outcome, "while the control has not been seen")
	}
}

// With the run that confirms its only case, a control is wanted no more, and none of its runs is ahead.
func TestAControlIsWantedUntilItsCaseIsConfirmed(t *testing.T) {
	p := small(t, 1, "placebos: 0")
	an, err := cases.New(p)
	require.NoError(t, err)
	c, control := p.Cases[0], p.Controls[0].Treated
	for seed := uint64(1); seed <= 8; seed++ {
		an.Add(c.Base, seed, entry(1, 5))
	}
	for seed := uint64(1); seed <= 8; seed++ {
		require.Equal(t, 8, an.Ahead()[control])
		require.False(t, an.Decided(0))
		an.Add(c.Treated, seed, entry(6, 6))
	}
	require.Equal(t, make([]int, len(p.Arms)), an.Ahead())
	require.Zero(t, an.Remaining())
	require.True(t, an.Decided(0))
	require.False(t, an.Controls(false)[0].Asked)
}

// Evidence that just reaches its bar is enough, and evidence that misses it by the last bit is not.
func TestABarThatIsJustReached(t *testing.T) {
	p := casestest.Plan(t, reference)
	const effect, explains = 0, 4
	require.Equal(t, verdict.Explains, p.Cases[explains].Kind)
	never := math.Inf(1)
	// look has the first eight seeds of all arms, with those bars.
	look := func(confirm, ruleOut, control float64) *cases.Analysis {
		an, err := cases.New(p)
		require.NoError(t, err)
		an.Bars(confirm, ruleOut, control)
		latency := map[int]float64{p.Cases[effect].Treated: 4, p.Cases[explains].Treated: 9,
			p.Cases[explains].TreatedRelieved: 6, p.Controls[0].Treated: 3}
		for arm := range p.Arms {
			for i := range uint64(8) {
				an.Add(arm, referenceFirst+i, entry(latency[arm]+float64(i*uint64(arm+1)%5)/10, float64(arm)))
			}
		}
		return an
	}
	an := look(never, never, never)
	verdicts, controls := an.Verdicts(false), an.Controls(false)
	below := func(e float64) float64 { return math.Nextafter(e, never) }
	require.False(t, an.Decided(effect) || an.Decided(explains))
	for _, e := range []float64{verdicts[effect].Evidence.Confirm, verdicts[explains].Evidence.Part} {
		require.Greater(t, e, 1.)
	}
	e := verdicts[effect].Evidence.Confirm
	require.True(t, look(e, never, never).Decided(effect))
	require.False(t, look(below(e), never, never).Decided(effect))
	e = verdicts[effect].Evidence.RuleOut
	require.True(t, look(never, e, never).Decided(effect))
	require.False(t, look(never, below(e), never).Decided(effect))
	e = verdicts[explains].Evidence.Part
	require.True(t, look(e, never, never).Decided(explains))
	require.False(t, look(below(e), never, never).Decided(explains))

	// A control that is done is wanted no more, and nor is that of the only case that is not confirmed.
	control := p.Controls[0].Treated
	e = controls[0].E
	require.Zero(t, look(never, never, e).Ahead()[control])
	require.NotZero(t, look(never, never, below(e)).Ahead()[control])
	e = verdicts[effect].Evidence.Confirm
	for bar, asked := range map[float64]bool{e: false, below(e): true} {
		an := look(bar, never, never)
		an.Only(func(c *campaign.Case) bool { return c == &p.Cases[effect] })
		require.Equal(t, asked, an.Controls(false)[0].Asked)
	}
}
