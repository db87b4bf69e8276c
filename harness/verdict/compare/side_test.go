package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
)

// on makes the runs of a side on some kernels, NAME=RELEASE: their only counter is 1,000 on 6.1 and 2,000 on others,
// and is the seed's, too.
func on(side string, seeds int, kernels map[string]string) Side {
	s := Side{Name: side, Kernels: kernels}
	done := map[string]bool{}
	for _, release := range kernels {
		if done[release] {
			continue
		}
		done[release] = true
		for seed := 1; seed <= seeds; seed++ {
			v := 1000
			if release[:3] != "6.1" || release[3] != '.' {
				v = 2000
			}
			s.Runs = append(s.Runs, archive.Entry{
				Scenario: "sha256:0123456789abcdef", Kernel: release, Seed: uint64(seed), Run: fmt.Sprint(side, release, seed),
				Key: release, Valid: true,
				Digest: fmt.Sprint(release, seed), Values: []archive.Value{{Name: "web.Tcp.InSegs", Value: float64(v + seed)}},
			})
		}
	}
	return s
}

type named = map[string]string

func TestKernelsArePairedByName(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b named
		want []string // how each pair of kernels is called
	}{
		{"two kernels against themselves", named{"6.1": "6.1.0", "6.12": "6.12.0"}, named{"6.1": "6.1.0", "6.12": "6.12.0"}, []string{"6.1", "6.12"}},
		{"one each, which is what is compared", named{"6.1": "6.1.0"}, named{"6.12": "6.12.0"}, []string{"6.1.0 against 6.12.0"}},
		{"one each, both the default", named{"": "6.1.0"}, named{"": "6.12.0"}, []string{"6.1.0 against 6.12.0"}},
		{"one each, an update", named{"6.1": "6.1.0"}, named{"6.1": "6.1.9"}, []string{"6.1 (6.1.0 against 6.1.9)"}},
		{"an update of one of two", named{"6.1": "6.1.0", "6.12": "6.12.0"}, named{"6.1": "6.1.9", "6.12": "6.12.0"},
			[]string{"6.1 (6.1.0 against 6.1.9)", "6.12"}},
		{"other names for the same", named{"old": "6.1.0", "new": "6.12.0"}, named{"6.1": "6.1.0", "6.12": "6.12.0"}, []string{"6.1.0", "6.12.0"}},
		{"names that were exchanged", named{"x": "6.1.0", "y": "6.12.0"}, named{"x": "6.12.0", "y": "6.1.0"},
			[]string{"x (6.1.0 against 6.12.0)", "y (6.12.0 against 6.1.0)"}},
		{"a kernel with two names", named{"": "6.1.0", "6.1": "6.1.0", "6.12": "6.12.0"},
			named{"": "6.12.0", "6.12": "6.12.0", "6.1": "6.1.0"}, []string{"6.1", "6.12"}},
		{"one release before one name", named{"n": "6.1.0", "m": "6.1.0", "o": "6.12.0"}, named{"n": "6.1.-1", "m": "6.1.0"}, []string{"m"}},
		{"in the order of their names", named{"b": "6.1.0", "a": "6.12.0"}, named{"b": "6.1.0", "a": "6.12.0"}, []string{"a", "b"}},
		{"without names, in that of their releases", named{"b": "6.12.0", "a": "6.1.0"}, named{"c": "6.1.0", "d": "6.12.0"}, []string{"6.1.0", "6.12.0"}},
		{"one that only one side has", named{"6.1": "6.1.0", "6.12": "6.12.0"}, named{"6.12": "6.12.0", "7.2": "7.2.0"}, []string{"6.12"}},
		{"one of two", named{"6.1": "6.1.0", "6.12": "6.12.0"}, named{"6.12": "6.12.0"}, []string{"6.12"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := Compare(on("A", 3, c.a), on("B", 3, c.b), Options{})
			require.NoError(t, err)
			var got []string
			for _, k := range found.Kernels {
				got = append(got, k.String())
			}
			require.Equal(t, c.want, got)
			require.Equal(t, 3*len(c.want), found.Pairs)
		})
	}
	_, err := Compare(on("A", 3, named{"6.1": "6.1.0", "6.12": "6.12.0"}), on("B", 3, named{"7.2": "7.2.0"}), Options{})
	require.EqualError(t, err, "A has runs on 6.1.0, 6.12.0, B on 7.2.0: the pairs of kernels are ambiguous")
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

// The same archive twice is identical, however many kernels it has: what of two kernels differs is no change.
func TestTwoKernelsAgainstThemselves(t *testing.T) {
	both := named{"6.1": "6.1.0", "6.12": "6.12.0"}
	c, err := Compare(on("A", 20, both), on("B", 20, both), Options{})
	require.NoError(t, err)
	require.Equal(t, 40, c.Identical)
	require.Equal(t, "IDENTICAL, all 40 pairs of runs to the last bit", c.Heading())
	require.Empty(t, c.Rows)

	// Two kernels of which one changes: its scenario is named with it.
	changed := on("B", 20, both)
	for i := range changed.Runs {
		if r := &changed.Runs[i]; r.Kernel == "6.12.0" {
			r.Digest, r.Key, r.Values = "another"+r.Digest, "another",
				[]archive.Value{{Name: "web.Tcp.InSegs", Value: 3000 + float64(r.Seed)}}
		}
	}
	c, err = Compare(on("A", 20, both), changed, Options{})
	require.NoError(t, err)
	require.Equal(t, 20, c.Identical)
	require.Len(t, c.Rows, 1)
	require.Equal(t, "sha256:0123456789abcdef on 6.12", c.Rows[0].Scenario)
	require.InDelta(t, 3000.0/2000-1, c.Rows[0].Estimate.Value/100, 0.01)
}

func TestTwoRunsOfOneSeedAreRefused(t *testing.T) {
	a := on("A", 3, named{"6.1": "6.1.0"})
	twice := a
	again := a.Runs[1]
	again.Run = "sha256:fedcba9876543210"
	twice.Runs = append(twice.Runs[:3:3], again)
	for _, sides := range [][2]Side{{twice, a}, {a, twice}} {
		_, err := Compare(sides[0], sides[1], Options{})
		require.ErrorContains(t, err, "A has two runs of scenario 0123456789ab on kernel 6.1.0 with seed 2: ")
		require.Equal(t, problem.Usage, problem.KindOf(err))
		require.NotEmpty(t, problem.HintOf(err))
	}
}

// spoil takes the runs of some seeds from a side: they are not valid, or not there.
func spoil(s Side, missing bool, seeds ...uint64) Side {
	var runs []archive.Entry
	for _, r := range s.Runs {
		for _, seed := range seeds {
			if r.Seed == seed {
				r.Valid, r.Because = false, "the fault never acted"
			}
		}
		if r.Valid || !missing {
			runs = append(runs, r)
		}
	}
	s.Runs = runs
	return s
}

// What a cause breaks is not left out, as if the seed had never been asked for.
func TestPairsAreLostAndNotDropped(t *testing.T) {
	a, b := on("A", 40, named{"6.1": "6.1.0"}), on("B", 40, named{"6.12": "6.12.0"})
	for _, missing := range []bool{false, true} {
		c, err := Compare(a, spoil(b, missing, 7, 8), Options{})
		require.NoError(t, err)
		require.Equal(t, 40, c.Pairs)
		require.Zero(t, c.Unpaired)
		require.Len(t, c.Lost, 1)
		require.Equal(t, 2, c.Lost[0].Lost)
		require.False(t, c.Undecided(), "one in twenty may be lost")
		require.Len(t, c.Rows, 1)
		require.Equal(t, verdict.Confirmed, c.Rows[0].Outcome)
		require.Equal(t, "38 of 40", c.Rows[0].pairs())
		require.Contains(t, c.Heading(), "; 2 pairs lost")

		c, err = Compare(a, spoil(b, missing, 7, 8, 9), Options{})
		require.NoError(t, err)
		require.True(t, c.Undecided())
		require.Empty(t, c.Rows, "told once, not for each number")
		require.Equal(t, 3, c.Lost[0].Lost)

		// The same on the other side.
		c, err = Compare(spoil(a, missing, 7, 8, 9), b, Options{})
		require.NoError(t, err)
		require.True(t, c.Undecided())
	}
	// Seeds at the end that one side has not are no loss: it was asked for fewer.
	c, err := Compare(a, spoil(b, true, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40), Options{})
	require.NoError(t, err)
	require.Equal(t, 30, c.Pairs)
	require.Equal(t, 10, c.Unpaired)
	require.Empty(t, c.Lost)
	require.Contains(t, c.Heading(), "; 10 runs without a partner")

	// Invalid runs that are the same to the last bit are no less identical.
	c, err = Compare(spoil(a, false, 1, 2, 3, 4), spoil(on("B", 40, named{"6.1": "6.1.0"}), false, 1, 2, 3, 4), Options{})
	require.NoError(t, err)
	require.Equal(t, "IDENTICAL, all 40 pairs of runs to the last bit", c.Heading())
	require.False(t, c.Undecided())

	// A run that failed is identical to nothing, although none has a digest.
	broken := on("B", 40, named{"6.1": "6.1.0"})
	broken.Runs[4] = archive.Entry{Failure: archive.Broke, Scenario: broken.Runs[4].Scenario, Kernel: "6.1.0",
		Seed: broken.Runs[4].Seed, Because: "the run broke: no"}
	c, err = Compare(broken, broken, Options{})
	require.NoError(t, err)
	require.Equal(t, 39, c.Identical)
	require.Equal(t, []Lost{{"sha256:0123456789abcdef", 40, 1, "the run broke: no", false}}, c.Lost)
}

// A metric that one side no longer has is told, and a metric that some runs have not.
func TestAMetricThatIsGone(t *testing.T) {
	without := func(s Side, gone func(seed uint64) bool) Side {
		for i := range s.Runs {
			r := &s.Runs[i]
			v := append([]archive.Value(nil), r.Values...)
			if !gone(r.Seed) {
				v = append(v, archive.Value{Name: "http.latency.p99", Value: 0.1})
			}
			r.Values, r.Digest = v, fmt.Sprint(s.Name, r.Seed)
		}
		return s
	}
	one := named{"6.1": "6.1.0"}
	other := func(s Side) Side {
		for i := range s.Runs {
			s.Runs[i].Key = "another"
		}
		return s
	}
	all := func(uint64) bool { return true }
	none := func(uint64) bool { return false }
	for _, c := range []struct {
		name string
		a, b func(uint64) bool
		want string
	}{
		{"on the one", all, none, "only in B"},
		{"on the other", none, all, "only in A"},
		{"in some runs", none, func(s uint64) bool { return s%2 == 0 }, "not compared: the metric was not measured in 10 of 20 seeds"},
		{"in as many runs of both", func(s uint64) bool { return s%2 == 1 }, func(s uint64) bool { return s%2 == 0 },
			"not compared: the metric was not measured in 20 of 20 seeds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := Compare(without(on("A", 20, one), c.a), other(without(on("B", 20, one), c.b)), Options{})
			require.NoError(t, err)
			require.Len(t, found.Rows, 1)
			require.Equal(t, verdict.Invalid, found.Rows[0].Outcome)
			require.True(t, strings.HasPrefix(found.Rows[0].is("A", "B"), c.want), found.Rows[0].is("A", "B"))
			require.Contains(t, found.Heading(), "; 1 could not be compared")
		})
	}
	found, err := Compare(without(on("A", 20, one), all), other(without(on("B", 20, one), all)), Options{})
	require.NoError(t, err)
	require.Empty(t, found.Rows, "what neither has is no question")
}
