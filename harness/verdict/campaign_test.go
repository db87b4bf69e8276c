package verdict

import (
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
	n := campaigns(t)
	truth := []float64{0, 0, 0, 1, 1, 1, 1, 2, 2, 2}
	t.Logf("%d campaigns of %d hypotheses each; false discoveries allowed: 5 %%", n, len(truth))
	for _, w := range worlds() {
		switch w.name {
		case "normal, s = 0.3", "exponential, s = 0.3", "Student 3, s = 0.3", "5 % blow up by 20":
		default:
			continue
		}
		r := rand.New(rand.NewPCG(3, uint64(len(w.name))))
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
