package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCalibrationOfCampaigns judges whole campaigns, of which the truth is known: of ten
// hypotheses three are at zero, four exactly at the margin, three at twice the margin. They
// share their baselines, so that half of the scatter is common to all. Each stops on its
// own data. What is measured is the share of false ones among the confirmed, and among the
// ruled out, on the average over campaigns.
func TestCalibrationOfCampaigns(t *testing.T) {
	n := campaigns(t, 300)
	truth := []float64{0, 0, 0, 1, 1, 1, 1, 2, 2, 2}
	t.Logf("%d campaigns of %d hypotheses each; false discoveries allowed: 5 %%", n, len(truth))
	for _, w := range worlds() {
		switch w.name {
		case "normal, s = 0.3", "exponential, s = 0.3", "Student 3, s = 0.3", "5 % blow up by 20":
		default:
			continue
		}
		r := noise(w.name)
		var falseConfirmed, falseRuledOut, squares, confirmed, ruledOut float64
		for range n {
			vs := Campaign(0.05, stopped(t, r, w, truth))
			var bad, good Share
			for i, v := range vs {
				switch v.Outcome {
				case Confirmed:
					good.Add(truth[i] <= 1)
				case RuledOut:
					bad.Add(truth[i] >= 1)
				}
			}
			share := func(s Share) float64 { return float64(s.Yes) / float64(max(s.N, 1)) }
			falseConfirmed += share(good) / float64(n)
			falseRuledOut += share(bad) / float64(n)
			squares += share(bad) * share(bad) / float64(n)
			confirmed += float64(good.N) / float64(n)
			ruledOut += float64(bad.N) / float64(n)
		}
		t.Logf("| %-20s | %3.1f confirmed | %4.1f %% false | %3.1f ruled out | %4.1f %% false |", w.name, confirmed,
			100*falseConfirmed, ruledOut, 100*falseRuledOut)
		// Three standard errors of the mean.
		allowed := 0.05 + 3*math.Sqrt((squares-falseRuledOut*falseRuledOut)/float64(n))
		assert.LessOrEqual(t, falseConfirmed, 0.05, "%s", w.name)
		assert.LessOrEqual(t, falseRuledOut, allowed, "%s", w.name)
	}
}

// stopped runs hypotheses side by side, looking after every fifth seed, until each has
// evidence enough for three verdicts of ten, 10/(0.05·3), or has had 150 seeds.
func stopped(t *testing.T, r *rand.Rand, w world, truth []float64) []Case {
	cases := make([]Case, len(truth))
	running := make([]bool, len(truth))
	for i := range cases {
		s, err := NewState(failures(Up), Rule{})
		require.NoError(t, err)
		cases[i] = Case{State: s, Dose: given, Control: seen}
		running[i] = true
	}
	for seed := 1; seed <= 150; seed++ {
		base := w.draw(r)
		for i, c := range cases {
			if !running[i] {
				continue
			}
			x := w.draw(r)
			if w.name == "5 % blow up by 20" {
				x = base // blows up in all of them, or in none
			} else {
				x = math.Sqrt(0.5) * (x + base)
			}
			c.State.Add(Pair{0, truth[i] + w.sd*x})
			if seed%5 == 0 {
				e := c.State.Evidence()
				running[i] = max(e.Confirm, e.RuleOut) < 70
			}
		}
	}
	return cases
}

// shared is a campaign of 300 hypotheses on one baseline, so that its noise is in all of them.
type shared struct {
	name  string
	truth func(i int) float64 // the mean of hypothesis i, in margins
	base  func(r *rand.Rand) float64
	own   float64
	stop  Evidence
}

func sharedBaselines() []shared {
	atMargin := func(int) float64 { return 1 }
	mix := func(i int) float64 { return []float64{3, 0, 0, 1, 1, 1, 1, 1, 1, 1}[i%10] }
	alone := Evidence{Confirm: 20, RuleOut: 20} // as if there were one
	campaign := Evidence{Confirm: 300 / 0.05, RuleOut: 300 / 60 / 0.05}
	return []shared{
		{"all at the margin, baseline normal, s = 0.3, stop at 20", atMargin, around(0, 0.3, normal), 0.1, alone},
		{"all at the margin, baseline normal, s = 1, stop at 20", atMargin, around(0, 1, normal), 0.1, alone},
		{"all at the margin, 5 % of baselines fall by 20, stop at 20", atMargin, besides(1, 0, 0.05, -20), 0.1, alone},
		{"30 at 3, 60 at 0, 210 at the margin, baseline Student 2", mix, around(0, 0.1, student(2)), 0.1, campaign},
		{"30 at 3, 60 at 0, 210 at the margin, baseline normal, s = 0.3", mix, around(0, 0.3, normal), 0.1, campaign},
	}
}

// TestShared judges 300 hypotheses that share a baseline. Each stops on its own data: in some at 20, as if it were
// alone, so that a twentieth of those at the margin may come to it by chance. What keeps the false ones few is
// closed e-BH.
func TestShared(t *testing.T) {
	n := max(campaigns(t, 200)/20, 1)
	const k = 300
	var rows []string
	for _, w := range sharedBaselines() {
		r := noise(w.name)
		var wrongly, squares [2]float64
		var count [2]int
		for range n {
			cases := make([]Case, k)
			going := make([]bool, k)
			for i := range cases {
				cases[i] = Case{State: newState(t, failures(Up)), Dose: given, Control: seen}
				going[i] = true
			}
			for seed := 1; seed <= 104; seed++ {
				base := w.base(r)
				for i, c := range cases {
					if !going[i] {
						continue
					}
					c.State.Add(Pair{base, w.truth(i) + w.own*r.NormFloat64()})
					if seed >= 8 && (seed-8)%12 == 0 {
						e := c.State.Evidence()
						going[i] = e.Confirm < w.stop.Confirm && e.RuleOut < w.stop.RuleOut
					}
				}
			}
			var said [2]Share
			for i, v := range Campaign(0.05, cases) {
				switch v.Outcome {
				case Confirmed:
					said[0].Add(w.truth(i) <= 1)
				case RuledOut:
					said[1].Add(w.truth(i) >= 1)
				}
			}
			for i, s := range said {
				share := float64(s.Yes) / float64(max(s.N, 1))
				wrongly[i] += share / float64(n)
				squares[i] += share * share / float64(n)
				count[i] += s.N
			}
		}
		rows = append(rows, fmt.Sprintf("| %s | %.1f | %.1f %% ! | %.1f | %.1f %% ! |", w.name,
			float64(count[0])/float64(n), 100*wrongly[0],
			float64(count[1])/float64(n), 100*wrongly[1]))
		for i := range wrongly {
			// Three standard errors of the mean.
			assert.LessOrEqual(t, wrongly[i], 0.05+3*math.Sqrt((squares[i]-wrongly[i]*wrongly[i])/float64(n)), w.name)
		}
	}
	documented(t, 20*n, "shared", "| 300 hypotheses on one baseline | confirmed | of these false | ruled out | of these "+
		"false |\n|---|---|---|---|---|", rows)
}

// Of 300 innocent hypotheses that each stop at an e-value of 20, which is enough for one alone, as many as 15 may
// reach it by chance. This is such a campaign, made by hand: without the bar that follows from all of them, 10
// would be confirmed and 10 ruled out, all wrongly.
func TestStoppingAt20IsNotEnoughAmong300(t *testing.T) {
	var cases []Case
	for i := range 300 {
		ds := repeat(12, 1, .9)
		switch {
		case i < 10:
			ds = worked // e = 122
		case i < 20:
			ds = small(68) // e = 23 against
		}
		h := failures(Up)
		if i < 20 {
			h = cpu(Up)
		}
		cases = append(cases, Case{State: differing(t, h, ds...), Dose: given, Control: seen})
	}
	count := map[Outcome]int{}
	for i, v := range Campaign(0.05, cases) {
		count[v.Outcome]++
		if i < 20 {
			alone := Judge(cases[i])
			assert.Contains(t, []Outcome{Confirmed, RuledOut}, alone.Outcome)
		}
	}
	assert.Equal(t, map[Outcome]int{Inconclusive: 300}, count)
}

// Each kind of claim has the bar that follows from how many make it: K/(α·k). What passes its bar alone may fall
// short of it in a campaign.
func TestEachClaimHasItsOwnBar(t *testing.T) {
	var cases []Case
	add := func(n int, s *State) {
		for range n {
			cases = append(cases, Case{State: s, Dose: given, Control: seen})
		}
	}
	add(4, differing(t, failures(Up), repeat(20, 3, 4)...))  // confirmed, and real
	add(3, differing(t, failures(Up), repeat(60, 0, .0)...)) // ruled out, and not real
	add(2, contrasted(t, backlog(), repeat(3, inPlace50...), repeat(3, relieved38...)))
	add(1, differing(t, failures(Up), repeat(4, .9, 1.2)...)) // 8 of 8 up: e = 28 of being real
	add(10, differing(t, failures(Up), .9, -1.1, .8))
	v := Campaign(0.05, cases)
	assert.InDelta(t, 20/(0.05*4), v[0].Bars.Confirm, 1e-9)
	assert.InDelta(t, 20/(0.05*3), v[0].Bars.RuleOut, 1e-9)
	assert.InDelta(t, 20/(0.05*2), v[0].Bars.Part, 1e-9)
	assert.InDelta(t, 20/(0.05*6), v[0].Bars.Real, 1e-9)
	assert.InEpsilon(t, 28.3888, v[9].Evidence.Real, 1e-4)
	assert.False(t, v[9].Real, "28 is less than 67")
	assert.True(t, Judge(cases[9]).Real, "and enough alone")
	assert.False(t, v[9].Has(SizeUnresolved))
	assert.Equal(t, []Outcome{Confirmed, RuledOut, Inconclusive, Inconclusive},
		[]Outcome{v[0].Outcome, v[4].Outcome, v[7].Outcome, v[9].Outcome})
	assert.True(t, v[7].Has(ExplainsPart))

	// What is invalid counts for none of them.
	for i := range cases {
		if i != 9 {
			cases[i].Dose = Dose{Counter: "d", Seeds: 5}
		}
	}
	none := 20 / 0.05
	assert.Equal(t, Evidence{none, none, none, none}, Campaign(0.05, cases)[0].Bars)
}

// Of 26, three are beyond doubt, and one has e = 122, where e-BH wants 26/(α·4) = 130. Closed e-BH wants 23·20/4 = 115
// of it, with the 22 that say nothing, since the others carry the mean.
func TestCampaignListsWhatStrongEvidenceCarries(t *testing.T) {
	judge := func(n int) []Verdict {
		cases := []Case{{State: differing(t, cpu(Up), worked...), Dose: given, Control: seen}}
		for range 3 {
			cases = append(cases, Case{State: differing(t, failures(Up), repeat(20, 3, 4)...), Dose: given, Control: seen})
		}
		for len(cases) < n {
			cases = append(cases, Case{State: differing(t, failures(Up), repeat(60, 0, 1.9)...), Dose: given, Control: seen})
		}
		return Campaign(0.05, cases)
	}
	v := judge(26)
	assert.Equal(t, []Outcome{Confirmed, Confirmed, Inconclusive}, []Outcome{v[0].Outcome, v[1].Outcome, v[4].Outcome})
	assert.Equal(t, v[0].Evidence.Confirm, v[0].Bars.Confirm)
	assert.InEpsilon(t, 122, v[0].Bars.Confirm, 0.01)
	assert.True(t, v[0].Typical)
	assert.True(t, v[1].Typical)
	assert.False(t, v[4].Typical)
	assert.Contains(t, v[0].String(), "e = 122 (bar 122)")

	v = judge(28) // 28/(α·4) = 140, and 25·20/4 = 125
	assert.Equal(t, Inconclusive, v[0].Outcome)
	assert.InDelta(t, 28/(0.05*3), v[0].Bars.Confirm, 1e-9)
}
