package blame

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// save puts a record of a scenario and a seed into a directory, changed.
func save(t *testing.T, dir, name string, seed uint64, change func(r *result.Record)) string {
	t.Helper()
	r := made()
	r.Schema, r.Scenario.Name, r.Seed = result.Schema, name, seed
	if change != nil {
		change(r)
	}
	r.Run = result.RunID(r.Provenance.Kernel, string(r.Scenario.Canonical), seed)
	var err error
	r.Digest, err = r.ComputeDigest()
	require.NoError(t, err)
	path, err := result.Save(dir, r)
	require.NoError(t, err)
	return path
}

func newer(r *result.Record) {
	r.Provenance.Kernel = "6.12.1"
	r.Timeline.Series["web.packets"][3] = 9
}

func TestDirectoriesArePaired(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	save(t, a, "x", 1, nil)
	save(t, b, "x", 1, nil)
	save(t, a, "x", 10, nil)
	save(t, b, "x", 10, newer)
	save(t, a, "x", 9, nil)
	save(t, b, "x", 9, func(r *result.Record) {
		newer(r)
		r.Provenance.QEMU = "8"
	})
	save(t, a, "y", 1, nil)
	save(t, b, "y", 1, func(r *result.Record) { r.Timeline.Series["http.errors"][5] = 2 }) // asked the same
	save(t, a, "z", 1, nil)
	lone := save(t, b, "y", 2, nil)

	d, err := Match(a, b, 0.05)
	require.NoError(t, err)
	var order []string
	for _, p := range d.Pairs {
		order = append(order, p.Scenario+" "+p.outcome()+": "+p.First)
	}
	require.Equal(t, []string{
		"x IDENTICAL: ",
		"x differs; asked: QEMU 7.2, 8 and 1 more: from 300 ms to 400 ms, web.packets: 5 in A, 9 in B",
		"x differs; asked: kernel 6.1.0, 6.12.1: from 300 ms to 400 ms, web.packets: 5 in A, 9 in B",
		"y ALARM: asked the same: from 500 ms to 600 ms, http.errors: 0 in A, 2 in B",
	}, order)
	require.Equal(t, []int{1, 3, 1}, []int{d.Identical, d.Differ, d.Alarms})
	require.Empty(t, d.Asked, "the pair of y was asked the same")
	require.Equal(t, []Lone{{"y", 2, filepath.Base(lone)}}, d.OnlyB)
	require.Len(t, d.OnlyA, 1)
	require.Equal(t, "4 pairs: 1 IDENTICAL, 3 differ, 1 of them with the same software, scenario and seed; "+
		"2 records without a partner", d.Heading())
	var text strings.Builder
	require.NoError(t, d.Text(&text, true, false))
	require.Contains(t, text.String(), "| B | y | 2 | "+filepath.Base(lone)+" |")

	d, err = Match(a, a, 0.05)
	require.NoError(t, err)
	require.Equal(t, "5 pairs: IDENTICAL, all to the last bit", d.Heading())
}

// What was asked differently in all pairs is told once, and not with each.
func TestWhatAllPairsWereAsked(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for seed := range uint64(3) {
		save(t, a, "x", seed, nil)
		save(t, b, "x", seed, func(r *result.Record) {
			newer(r)
			if seed == 2 {
				r.Provenance.QEMU = "8"
			}
		})
	}
	d, err := Match(a, b, 0.05)
	require.NoError(t, err)
	require.Equal(t, []compare.Setting{{Name: "kernel", A: "6.1.0", B: "6.12.1"}}, d.Asked)
	require.Empty(t, d.Pairs[0].Asked)
	require.Equal(t, []compare.Setting{{Name: "QEMU", A: "7.2", B: "8"}}, d.Pairs[2].Asked)
}

func TestDirectoriesThatAreRefused(t *testing.T) {
	a, b, c, none := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	one, two := save(t, a, "x", 1, nil), save(t, a, "x", 1, newer)
	save(t, b, "x", 1, nil)
	save(t, c, "y", 1, nil)
	refused := func(x, y string, parts ...string) {
		t.Helper()
		_, err := Match(x, y, 0.05)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		for _, p := range parts {
			require.ErrorContains(t, err, p)
		}
	}
	refused(a, b, "two records of x with seed 1", filepath.Base(one), filepath.Base(two))
	refused(b, a, "two records of x with seed 1")
	refused(b, c, "no record of", "pairs with a record of")
	refused(b, none, "no record in "+none)
	require.NoError(t, os.WriteFile(filepath.Join(c, "cut.json"), []byte(`{"format": 1, "scen`), 0o600))
	refused(b, c, "cut.json")
}
