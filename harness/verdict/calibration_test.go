package verdict

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// What is simulated here: campaigns whose truth is known, looked at after every seed from
// the second on and stopped at the first verdict, which is the worst that optional stopping
// can do. In CI there are a few hundred campaigns of each; RULEOUT_CALIBRATION=20000 makes that many.
//
// go test -run TestCalibration -v ./harness/verdict prints the measured rates, which
// docs/architecture/verdict.md keeps.

const giveUp = 200 // seeds, after which a campaign ends without a verdict

// world is a distribution of differences, in units of the margin, around a mean of zero.
type world struct {
	name   string
	sd     float64
	draw   func(*rand.Rand) float64 // mean 0, scaled by sd
	median float64                  // of draw
	// blowsUp says that a twentieth of the seeds is beyond twice the margin, wherever the
	// mean is.
	blowsUp bool
}

func normal(r *rand.Rand) float64 { return r.NormFloat64() }

func exponential(r *rand.Rand) float64 { return r.ExpFloat64() - 1 }

// lognormal has a standard deviation of 1, a skewness of 6.2 and an excess kurtosis of 111.
func lognormal(r *rand.Rand) float64 {
	return (math.Exp(r.NormFloat64()) - math.Exp(0.5)) / math.Sqrt((math.E-1)*math.E)
}

// student3 has 3 degrees of freedom, scaled to a standard deviation of 1: no kurtosis.
func student3(r *rand.Rand) float64 {
	var chi float64
	for range 3 {
		x := r.NormFloat64()
		chi += x * x
	}
	return r.NormFloat64() / math.Sqrt(chi)
}

// blowUp lets 5 % of normal seeds go by size margins to one side.
func blowUp(size, sd float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		x := r.NormFloat64() - 0.05*size/sd
		if r.Float64() < 0.05 {
			x += size / sd
		}
		return x
	}
}

// twoValues is what a counter may do: nine seeds in ten alike, to the bit, and one further.
func twoValues(r *rand.Rand) float64 {
	if r.Float64() < 0.1 {
		return 3
	}
	return -1. / 3
}

func mirrored(draw func(*rand.Rand) float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return -draw(r) }
}

func worlds() []world {
	// Quantiles of the symmetric part of a blow-up that leave half of the whole above.
	half := distuv.UnitNormal.Quantile(1 - 0.45/0.95)
	lognormalMedian := (1 - math.Exp(0.5)) / math.Sqrt((math.E-1)*math.E)
	return []world{
		{"normal, s = 0.3", 0.3, normal, 0, false},
		{"normal, s = 1", 1, normal, 0, false},
		{"exponential, s = 0.3", 0.3, exponential, math.Ln2 - 1, false},
		{"lognormal, s = 0.1", 0.1, lognormal, lognormalMedian, false},
		{"lognormal, s = 1", 1, lognormal, lognormalMedian, false},
		{"Student 3, s = 0.3", 0.3, student3, 0, false},
		{"5 % blow up by 20", 0.3, blowUp(20, 0.3), half - 0.05*20/0.3, true},
		{"5 % blow up by 5", 0.3, blowUp(5, 0.3), half - 0.05*5/0.3, true},
		{"two values", 0.3, twoValues, -1. / 3, false},
		{"exponential, mirrored", 0.3, mirrored(exponential), 1 - math.Ln2, false},
		{"lognormal, mirrored", 0.1, mirrored(lognormal), -lognormalMedian, false},
		{"5 % fall by 20", 0.3, mirrored(blowUp(20, 0.3)), -half + 0.05*20/0.3, false},
		{"5 % fall by 5", 0.3, mirrored(blowUp(5, 0.3)), -half + 0.05*5/0.3, false},
	}
}

// place is where a campaign's truth lies.
type place struct {
	name string
	at   func(world) float64 // the mean, in margins
}

var places = []place{
	{"mean 0", func(world) float64 { return 0 }},
	{"mean at margin", func(world) float64 { return 1 }},
	{"median at margin", func(w world) float64 { return 1 - w.sd*w.median }},
	{"mean at 2 margins", func(world) float64 { return 2 }},
}

// rates are shares of campaigns, in per cent, and the mean number of seeds.
type rates struct{ confirmed, ruledOut, seeds float64 }

// campaigns is how many are made of each: few, unless many are asked for.
func campaigns(t *testing.T, few int) int {
	t.Helper()
	if s := os.Getenv("RULEOUT_CALIBRATION"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err, "RULEOUT_CALIBRATION")
		return n
	}
	return few
}

// noise is drawn from by what has a name: all of it counts, so that no two share theirs.
func noise(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(7, h.Sum64()))
}

// atMost is how many of n campaigns may be wrong where each is with a probability of p at the most: by the
// binomial distribution, more come about once in a thousand times.
func atMost(n int, p float64) int {
	b := distuv.Binomial{N: float64(n), P: p}
	for k := range n {
		if b.CDF(float64(k)) >= 0.999 {
			return k
		}
	}
	return n
}

func simulate(t *testing.T, n int, w world, mean float64, h Hypothesis, rule Rule) rates {
	r := noise(fmt.Sprint(w.name, mean))
	bar := 1 / rule.Defaults().Alpha
	var sum rates
	for range n {
		s, err := NewState(h, rule)
		require.NoError(t, err)
		for s.N() < giveUp {
			s.Add(Pair{Base: 0, Treated: mean + w.sd*w.draw(r)})
			if s.N() < 2 {
				continue
			}
			e := s.Evidence()
			if e.Confirm >= bar {
				sum.confirmed++
				break
			}
			if e.RuleOut >= bar {
				sum.ruledOut++
				break
			}
		}
		sum.seeds += float64(s.N())
	}
	return rates{100 * sum.confirmed / float64(n), 100 * sum.ruledOut / float64(n), sum.seeds / float64(n)}
}

// allowed is what a measured rate may reach, in per cent, when the true one is 5 %.
func allowed(n int) float64 { return 100 * float64(atMost(n, 0.05)) / float64(n) }

func TestCalibration(t *testing.T) {
	n := campaigns(t, 200)
	h := Hypothesis{Kind: Effect, Direction: Up, Scale: Difference, Margin: 1}
	t.Logf("%d campaigns each; false verdicts allowed: 5 %%, with the error of the simulation %.1f %%", n, allowed(n))
	t.Log("| differences            | truth             | confirmed | ruled out | seeds |")
	row := "| %-22s | %-17s | %9s | %9s | %5.0f |"
	for _, w := range worlds() {
		for _, p := range places {
			mean := p.at(w)
			if p.name == "median at margin" && w.median == 0 {
				continue // as the mean
			}
			got := simulate(t, n, w, mean, h, Rule{})
			// What has to be true for the verdict to be false: see the package comment.
			median := mean + w.sd*w.median
			falseConfirm := median <= 1+1e-12 && mean <= 1
			falseRuleOut := mean >= 1 || median >= 1-1e-12 || w.blowsUp
			mark := func(rate float64, isFalse bool) string {
				if isFalse {
					return fmt.Sprintf("%.1f %% !", rate)
				}
				return fmt.Sprintf("%.1f %%", rate)
			}
			t.Logf(row, w.name, p.name, mark(got.confirmed, falseConfirm), mark(got.ruledOut, falseRuleOut), got.seeds)
			where := w.name + ", " + p.name
			if falseConfirm {
				assert.LessOrEqual(t, got.confirmed, allowed(n), "false confirmations: %s", where)
			}
			if falseRuleOut {
				assert.LessOrEqual(t, got.ruledOut, allowed(n), "falsely ruled out: %s", where)
			}
		}
	}
}
