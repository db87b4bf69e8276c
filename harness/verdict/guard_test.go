package verdict

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestGuards measures what each part of the evidence is for: a world in which the other
// parts alone are wrong more often than 1/bar.
func TestGuards(t *testing.T) {
	const n = 10_000
	tail := func(s *State) float64 { return s.tail(1) }
	above := func(s *State) float64 { return s.sides[0].above(s.diff, 1) }
	below := func(s *State) float64 { return s.sides[0].below(s.diff, 1) }
	for _, c := range []struct {
		name        string
		draw        func(*rand.Rand) float64
		bar         float64
		last        int
		bare, whole func(*State) float64
	}{
		{
			name: "5 % of seeds 20 margins up, mean at the margin: ruled out by the t-test alone",
			draw: func(r *rand.Rand) float64 { return 1 + 0.3*blowUp(20, 0.3)(r) },
			bar:  20, last: 100,
			bare:  below,
			whole: func(s *State) float64 { return s.Evidence().RuleOut },
		},
		{
			name: "3 % of seeds a margin up, the rest equal, mean at the margin: ruled out by t-test and tail",
			draw: func(r *rand.Rand) float64 {
				if r.Float64() < 0.03 {
					return 1.97
				}
				return 0.97
			},
			bar: 20, last: 200,
			bare:  func(s *State) float64 { return min(below(s), tail(s)) },
			whole: func(s *State) float64 { return s.Evidence().RuleOut },
		},
		{
			name: "95 % of seeds past the margin, 5 % far below: ruled out by t-test and tail",
			draw: func(r *rand.Rand) float64 {
				if r.Float64() < 0.05 {
					return -20
				}
				return 1.05
			},
			bar: 20, last: 200,
			bare:  func(s *State) float64 { return min(below(s), tail(s)) },
			whole: func(s *State) float64 { return s.Evidence().RuleOut },
		},
		{
			name: "half of the seeds equal and past the margin, half far below: confirmed by the t-test alone",
			draw: func(r *rand.Rand) float64 {
				if r.Float64() < 0.5 {
					return 1.5
				}
				return -5
			},
			bar: 1667, last: 30,
			bare:  above,
			whole: func(s *State) float64 { return s.Evidence().Confirm },
		},
	} {
		r := noise(c.name)
		var bare, whole int
		for range n {
			s := newState(t, failures(Up))
			var b, w bool
			for s.N() < c.last && !w {
				s.Add(Pair{0, c.draw(r)})
				// The whole is never more than the bare.
				if !b && c.bare(s) < c.bar {
					continue
				}
				b = true
				w = c.whole(s) >= c.bar
			}
			if b {
				bare++
			}
			if w {
				whole++
			}
		}
		promised := n / c.bar
		t.Logf("%s: %.2f %% of campaigns, with the guard %.2f %%, promised %.2f %%", c.name, 100*float64(bare)/n,
			100*float64(whole)/n, 100/c.bar)
		assert.Greater(t, float64(bare), 2*promised, "the guard is not needed: %s", c.name)
		assert.Less(t, float64(whole), 1.2*promised, c.name)
	}
}

// TestAgainst shows what Rule.Against buys: a twentieth of the seeds falls far, the rest
// rises past the margin, and the mean is exactly at it.
func TestAgainst(t *testing.T) {
	n := campaigns(t, 500)
	w := world{name: "5 % fall by 20", sd: 0.3, draw: mirrored(blowUp(20, 0.3))}
	without := simulate(t, n, w, 1, failures(Up), Rule{})
	with := simulate(t, n, w, 1, failures(Up), Rule{Against: 0.05})
	t.Logf("confirmed %.1f %%; with Against at 5 %%: %.1f %%", without.confirmed, with.confirmed)
	assert.Greater(t, without.confirmed, 50.0)
	assert.LessOrEqual(t, with.confirmed, allowed(n))
	clean := simulate(t, 100, world{name: "normal", sd: 0.3, draw: normal}, 2, failures(Up), Rule{Against: 0.05})
	assert.InDelta(t, 100, clean.confirmed, 0)
	assert.InDelta(t, 65, clean.seeds, 0.5)
}

// TestBlowUpsAreConfirmed shows why a sign test is not all that is asked beside the
// t-test: a cause that does nothing to 70 % of the seeds, and much to the rest, is a cause.
func TestBlowUpsAreConfirmed(t *testing.T) {
	const n = 500
	r := rand.New(rand.NewPCG(13, 1))
	var signs, whole int
	for range n {
		s := newState(t, failures(Up))
		var bySign, confirmed bool
		for s.N() < giveUp {
			x := 0.3 * r.NormFloat64()
			if r.Float64() < 0.3 {
				x += 10
			}
			s.Add(Pair{0, x})
			side := &s.sides[0]
			bySign = bySign || min(side.above(s.diff, 1), side.past.Above(0.5)) >= 20
			confirmed = confirmed || s.Evidence().Confirm >= 20
		}
		if bySign {
			signs++
		}
		if confirmed {
			whole++
		}
	}
	t.Logf("confirmed within %d seeds: %.0f %%; with signs alone: %.1f %%", giveUp, 100*float64(whole)/n,
		100*float64(signs)/n)
	assert.Zero(t, signs)
	assert.Greater(t, whole, n*9/10)
}

// TestPrice measures how many seeds a verdict takes, and what the guards add to the t-test.
func TestPrice(t *testing.T) {
	const n = 200
	t.Log("| mean | scatter | bar | t-test alone | confirmed or ruled out |")
	for _, c := range []struct{ mean, sd, bar, most float64 }{
		{2, 1, 20, 20}, {2, 0.3, 20, 8}, {1.8, 0.2, 20, 8}, {1.3, 0.3, 20, 30}, {1.1, 0.1, 20, 25},
		{2, 1, 1667, 45}, {2, 0.3, 1667, 16}, {1.8, 0.2, 1667, 17}, {1.3, 0.3, 1667, 60}, {1.1, 0.1, 1667, 55},
		{0, 0.1, 20, 65}, {0, 0.5, 20, 65}, {0.5, 0.3, 20, 65}, {0.8, 0.3, 20, 80}, {0, 0.7, 20, 90}, {0, 0.1, 60, 89},
	} {
		r := rand.New(rand.NewPCG(9, 9))
		var bare, whole []float64
		for range n {
			s := newState(t, failures(Up))
			first := 0
			for {
				s.Add(Pair{0, c.mean + c.sd*r.NormFloat64()})
				e := s.Evidence()
				if first == 0 && max(s.diff.Above(1), s.diff.Below(1)) >= c.bar {
					first = s.N()
				}
				if max(e.Confirm, e.RuleOut) >= c.bar || s.N() == 1000 {
					break
				}
			}
			bare, whole = append(bare, float64(first)), append(whole, float64(s.N()))
		}
		slices.Sort(bare)
		slices.Sort(whole)
		t.Logf("| %4.1f | %4.1f | %4.0f | %3.0f | %3.0f |", c.mean, c.sd, c.bar, bare[n/2], whole[n/2])
		assert.LessOrEqual(t, whole[n/2], c.most, "%+v", c)
	}
}
