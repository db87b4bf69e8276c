package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ruleout/ruleout/harness/base/golden"
)

// brink is a setting in which a verdict is false just so: the mean is exactly at the margin, or as many seeds
// reach it as may.
type brink struct {
	name string
	h    Hypothesis
	// confirm and ruleOut say which verdicts would be false by what is promised for any distribution, or for
	// normal ones.
	confirm, ruleOut bool
	draw             func(r *rand.Rand) Pair
}

// by is a setting in which differences are drawn, in margins.
func by(name, isFalse string, draw func(*rand.Rand) float64) brink {
	return brink{name, failures(Up), strings.Contains(isFalse, "C"), strings.Contains(isFalse, "R"),
		func(r *rand.Rand) Pair { return Pair{0, draw(r)} }}
}

// either draws one of two values, the first with a probability of p.
func either(p, one, other float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		if r.Float64() < p {
			return one
		}
		return other
	}
}

// besides draws around a mean, and size further with a probability of p.
func besides(mean, sd, p, size float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		x := mean + sd*r.NormFloat64()
		if r.Float64() < p {
			x += size
		}
		return x
	}
}

func around(mean, sd float64, draw func(*rand.Rand) float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return mean + sd*draw(r) }
}

func student(df float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return distuv.StudentsT{Sigma: 1, Nu: df, Src: r}.Rand() }
}

func poisson(mean float64, r *rand.Rand) float64 { return distuv.Poisson{Lambda: mean, Src: r}.Rand() }

func brinks() []brink {
	normal := func(r *rand.Rand) float64 { return r.NormFloat64() }
	counted := func(name string, base, treated float64) brink {
		return brink{name, failures(Up), true, true, func(r *rand.Rand) Pair {
			return Pair{poisson(base, r), poisson(treated, r)}
		}}
	}
	logarithm := math.Log(1.05)
	both := func(name, isFalse string, draw func(*rand.Rand) float64) brink {
		e := by(name, isFalse, draw)
		e.h = failures(Either)
		return e
	}
	return []brink{
		by("normal, s = 0.05", "CR", around(1, 0.05, normal)),
		by("normal, s = 0.3", "CR", around(1, 0.3, normal)),
		by("normal, s = 1", "CR", around(1, 1, normal)),
		by("normal, s = 3", "CR", around(1, 3, normal)),
		by("normal, s = 10", "CR", around(1, 10, normal)),
		by("the margin in every seed", "CR", func(*rand.Rand) float64 { return 1 }),
		by("half at the margin, half at 0", "R", either(0.5, 1, 0)),
		by("0.9 or 1.1 evenly", "CR", either(0.5, 0.9, 1.1)),
		by("1.01 or -5 evenly", "CR", either(0.5, 1.01, -5)),
		by("2 or 0 evenly", "CR", either(0.5, 2, 0)),
		by("10 in 1 of 10, else 0", "CR", either(0.1, 10, 0)),
		by("33 in 1 of 33, else 0", "C", either(0.03, 100./3, 0)),
		by("5 % blow up by 20", "CR", besides(0, 0.1, 0.05, 20)),
		by("2 % blow up by 50", "C", besides(0, 0.1, 0.02, 50)),
		by("2 % fall by 25", "R", besides(1.5, 0.1, 0.02, -25)),
		by("0 or 2, each with s = 0.05", "CR", besides(0, 0.05, 0.5, 2)),
		counted("counts, Poisson 0.3 → 1.3", 0.3, 1.3),
		counted("counts, Poisson 5 → 6", 5, 6),
		{"ratio, normal logarithm", cpu(Up), true, true, func(r *rand.Rand) Pair {
			base := math.Exp(0.5 * r.NormFloat64())
			return Pair{base, base * 1.05 * math.Exp(0.05*r.NormFloat64())}
		}},
		{"ratio of independent lognormals, s = 0.2", cpu(Up), true, true, func(r *rand.Rand) Pair {
			return Pair{math.Exp(0.2 * r.NormFloat64()), 1.05 * math.Exp(0.2*r.NormFloat64())}
		}},
		{"ratio, exponential logarithm, s = 1", cpu(Up), true, true, func(r *rand.Rand) Pair {
			return Pair{1, math.Exp(logarithm * r.ExpFloat64())}
		}},
		by("lognormal, s = 1", "CR", around(1, 1, lognormal)),
		by("lognormal, σ = 2", "CR", func(r *rand.Rand) float64 { return math.Exp(2*r.NormFloat64() - 2) }),
		by("Student 2, s = 0.3", "CR", around(1, 0.3, student(2))),
		by("Cauchy, s = 0.3", "CR", around(1, 0.3, student(1))),
		both("either way: normal, s = 0.3", "CR", around(1, 0.3, normal)),
		both("either way: mean 0, normal, s = 3", "C", around(0, 3, normal)),
		both("either way: 5 or -5 evenly", "C", either(0.5, 5, -5)),
	}
}

// ended returns the verdict at which a campaign ends that is looked at after every seed.
func (b brink) ended(t *testing.T, r *rand.Rand) Outcome {
	s := newState(t, b.h)
	for range giveUp {
		s.Add(b.draw(r))
		switch now := s.Evidence(); {
		case now.Confirm >= 20:
			return Confirmed
		case now.RuleOut >= 20:
			return RuledOut
		}
	}
	return Inconclusive
}

// TestAtTheMargin holds the evidence against settings in which verdicts are false just so.
// docs/architecture/verdict.md has the table of
//
//	RULEOUT_CALIBRATION=2000 go test -run 'AtTheMargin|Real$|Shared' ./harness/verdict -update
func TestAtTheMargin(t *testing.T) {
	n := campaigns(t, 100)
	var rows []string
	for _, e := range brinks() {
		r := noise(e.name)
		count := map[Outcome]int{}
		for range n {
			count[e.ended(t, r)]++
		}
		confirmed, ruledOut := rate(count[Confirmed], n, e.confirm), rate(count[RuledOut], n, e.ruleOut)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", e.name, confirmed, ruledOut))
		if e.confirm {
			assert.LessOrEqual(t, count[Confirmed], atMost(n, 0.05), "false confirmations: %s", e.name)
		}
		if e.ruleOut {
			assert.LessOrEqual(t, count[RuledOut], atMost(n, 0.05), "falsely ruled out: %s", e.name)
		}
	}
	documented(t, n, "at the margin", "| differences, mean at the margin | confirmed | ruled out |\n|---|---|---|", rows)
}

// TestReal measures how often it is said that something is real, first where the mean is zero, and then where
// seeds go either way equally often, so that it would be false.
func TestReal(t *testing.T) {
	n := campaigns(t, 300)
	half := distuv.UnitNormal.Quantile(1 - 0.5/0.98) // of what does not fall, so much is below the median of all
	shapes := []struct {
		name   string
		draw   func(*rand.Rand) float64 // mean 0
		middle float64                  // as many are above as below
	}{
		{"normal", normal, 0},
		{"-1, 0 or 1 evenly", func(r *rand.Rand) float64 { return float64(r.IntN(3) - 1) }, 0},
		{"1 or -1, in a tenth of seeds", func(r *rand.Rand) float64 { return either(0.1, 1, 0)(r) * either(0.5, 1, -1)(r) }, 0},
		{"lognormal", lognormal, (1 - math.Exp(0.5)) / math.Sqrt((math.E-1)*math.E)},
		{"two values, 9 in 10 down", either(0.1, 1, -1./9), math.NaN()},
		{"1 in 50 falls", besides(1, 0.1, 0.02, -50), 1 + 0.1*half},
	}
	var rows []string
	for _, c := range shapes {
		said := func(draw func(*rand.Rand) float64, last int) (normalT, exact int) {
			r := noise(c.name)
			for range n {
				s := newState(t, failures(Either))
				var byInterval, real bool
				for range last {
					s.Add(Pair{0, draw(r)})
					byInterval = byInterval || s.diff.Interval(0.05).Excludes(0)
					real = real || s.Evidence().Real >= 20
				}
				if byInterval {
					normalT++
				}
				if real {
					exact++
				}
			}
			return normalT, exact
		}
		fair := around(-c.middle, 1, c.draw)
		if math.IsNaN(c.middle) {
			// Two values have no middle: let them come equally often.
			fair = either(0.5, 1, -1./9)
		}
		before, here := said(c.draw, 100)
		_, odds := said(fair, 100)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", c.name, rate(before, n, true), rate(here, n, c.middle == 0),
			rate(odds, n, true)))
		assert.LessOrEqual(t, odds, atMost(n, 0.05), "called real, and is not: %s", c.name)
	}
	documented(t, n, "real", "| differences | mean 0: its interval is without 0 | mean 0: "+
		"called real | as many up as down: called real |\n|---|---|---|---|", rows)
}

// rate writes a share of campaigns, with a mark where all of them would be wrong.
func rate(k, n int, isFalse bool) string {
	text := fmt.Sprintf("%.1f %%", 100*float64(k)/float64(n))
	if isFalse {
		text += " !"
	}
	return text
}

var measured = regexp.MustCompile(`([0-9.]+) % !`)

// documented compares a table with what docs/architecture/verdict.md has between its marks. That is of 2,000
// campaigns: with fewer, it has to have the same rows and no rate that is too high, and with as many, -update
// writes it.
func documented(t *testing.T, n int, name, head string, rows []string) {
	const path, many = "../../docs/architecture/verdict.md", 2000
	t.Log("\n" + head + "\n" + strings.Join(rows, "\n"))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	begin, end := "<!-- measured: "+name+" -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(string(page), begin)
	require.True(t, found, "%s has no %q", path, begin)
	kept, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if n == many {
		golden.Equal(t, path, before+begin+head+"\n"+strings.Join(rows, "\n")+"\n"+end+after)
		return
	}
	lines := strings.Split(strings.TrimSpace(kept), "\n")
	require.Len(t, lines, len(rows)+2, "%s is out of date: see TestAtTheMargin", path)
	lines = lines[2:]
	for i, line := range lines {
		assert.Equal(t, strings.Split(rows[i], "|")[1], strings.Split(line, "|")[1])
		if name == "real" { // the interval, which is not for all distributions, is there for comparison
			line = line[strings.Index(line, "!")+1:]
		}
		for _, m := range measured.FindAllStringSubmatch(line, -1) {
			var rate float64
			_, err := fmt.Sscan(m[1], &rate)
			require.NoError(t, err)
			assert.LessOrEqual(t, rate, allowed(many), line)
		}
	}
}
