package nightly

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
)

func text(t *testing.T, r *Report, markdown bool) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.Text(&b, TextOptions{Results: "night", Baseline: "results/baseline/nightly", Markdown: markdown}))
	return b.String()
}

func TestBaselineDamaged(t *testing.T) {
	b := accepted(t, 10)
	data, err := b.Encode()
	require.NoError(t, err)
	whole := string(data)
	lines := strings.SplitAfter(whole, "\n")
	for _, c := range []struct{ name, data, says string }{
		{"empty", "", ":1: it ends before its sum: the file is not whole"},
		{"cut off between two lines", strings.Join(lines[:5], ""), ":6: it ends before its sum: the file is not whole"},
		{"cut off in a line", whole[:len(whole)-len(lines[11])-20], ":11: unexpected EOF"},
		{"a value was changed", strings.Replace(whole, `,9000,`, `,9001,`, 1), ":12: the sum does not fit the lines before it"},
		{"a line was taken out", strings.Join(append(lines[:4:4], lines[5:]...), ""), ":11: the sum does not fit the lines before it"},
		{"a line is there twice", strings.Join(append(lines[:4:4], lines[3:]...), ""), ":5: seed 3 is there twice"},
		{"a value is missing", strings.Replace(whole, `,9000,`, `,`, 1), ":2: 7 values of 8 metrics"},
		{"not JSON", "nonsense\n" + whole, `:1: invalid character 'o' in literal null (expecting 'u')`},
		{"a merge conflict", lines[0] + "<<<<<<< HEAD\n" + strings.Join(lines[1:], ""), ":2: invalid character '<' looking for beginning of value"},
		{"a key that nobody knows", strings.Replace(whole, `{"seed"`, `{"sneed"`, 1), `:2: json: unknown field "sneed"`},
		{"something at the end", whole + "{}\n", ":13: something follows the sum"},
		{"another format", strings.Replace(whole, `"format":1`, `"format":2`, 1), ": format 2, this build reads 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "small-6.1.jsonl")
			require.NoError(t, os.WriteFile(file, []byte(c.data), 0o644))
			_, err := ReadBaselines(dir)
			require.EqualError(t, err, file+c.says)
			require.Equal(t, problem.Usage, problem.KindOf(err))
			require.NotEmpty(t, problem.HintOf(err))
		})
	}
	t.Run("under another name", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "other-6.1.jsonl"), data, 0o644))
		_, err := ReadBaselines(dir)
		require.ErrorContains(t, err, "a file of this name is not of small on 6.1, which is in small-6.1.jsonl")
	})
	t.Run("none", func(t *testing.T) {
		list, err := ReadBaselines(filepath.Join(t.TempDir(), "none"))
		require.NoError(t, err)
		require.Empty(t, list)
	})
}

func TestAcceptRefuses(t *testing.T) {
	good := func() *Runs { return world{build: "old"}.runs("small", "6.1", 20) }
	for _, c := range []struct {
		name string
		runs func(*Runs)
		says string
		kind problem.Kind
	}{
		{"too few", func(r *Runs) { clear(r.BySeed) }, "0 of its 0 seeds are valid, and fewer than 8 cannot raise an alarm", problem.Usage},
		{"too few of them valid", func(r *Runs) {
			maps.DeleteFunc(r.BySeed, func(seed uint64, _ *archive.Entry) bool { return seed > leastPool })
			r.BySeed[8].Valid = false
		}, "7 of its 8 seeds are valid, and fewer than 8 cannot raise an alarm", problem.Usage},
		{"an experiment", func(r *Runs) { r.Set = map[string]string{"duration": "5s"} }, "its runs have settings that the scenario has not", problem.Usage},
		{"two builds", func(r *Runs) { r.BySeed[5].Key = "another" }, "seed 5 was run by another build, kernel or machine", problem.Usage},
		{"many are invalid", func(r *Runs) {
			for seed := range uint64(6) {
				r.BySeed[seed+1].Valid = false
			}
		}, "5 of 20 seeds are invalid; seed 5 because x was late", problem.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := good()
			c.runs(runs)
			_, err := Accept(runs)
			require.EqualError(t, err, "accept small on 6.1: "+c.says)
			require.Equal(t, c.kind, problem.KindOf(err))
		})
	}
	runs := good()
	runs.BySeed[3].Valid = false
	b, err := Accept(runs)
	require.NoError(t, err)
	require.Equal(t, []uint64{3}, b.Left)
	require.Len(t, b.Rows, 19)
}

func TestChanges(t *testing.T) {
	old := accepted(t, 20)
	now, err := Accept(world{build: "new", latency: 1.2}.runs("small", "6.1", 20))
	require.NoError(t, err)
	digests, metrics := Changes(old, now)
	require.Equal(t, 20, digests)
	require.Len(t, metrics, 1)
	require.Equal(t, "http.latency.p99", metrics[0].Metric)

	// A metric that is gone, or new, is a change, too.
	runs := world{build: "old"}.runs("small", "6.1", 20)
	for _, r := range runs.BySeed {
		without(r, "web.cpu.total")
	}
	without, err := Accept(runs)
	require.NoError(t, err)
	digests, metrics = Changes(old, without)
	require.Zero(t, digests)
	require.Equal(t, []Change{{"web.cpu.total", "5.0 %", "–"}}, metrics)
	_, metrics = Changes(without, old)
	require.Equal(t, []Change{{"web.cpu.total", "–", "5.0 %"}}, metrics)
}

// An archive with two runs of one scenario, kernel and seed, such as of two versions of QEMU: nothing tells which
// is the night's.
func TestTwoRunsOfOneSeedAreRefused(t *testing.T) {
	dir := t.TempDir()
	a, err := archive.Open(dir, archive.Identity{Campaign: "a night", Kernels: map[string]string{"6.1": "6.1.0"}})
	require.NoError(t, err)
	add := func(id string, seed uint64) {
		_, err := a.Append(&result.Record{
			Schema: 1, Run: "sha256:" + id, Digest: "sha256:" + id, Seed: seed, Valid: true,
			Scenario:   result.Scenario{Name: "small", Hash: "sha256:h", Canonical: []byte("{}")},
			Provenance: result.Provenance{Kernel: "6.1.0"},
		})
		require.NoError(t, err)
	}
	load := func() ([]*Runs, error) {
		r, err := archive.Read(dir)
		require.NoError(t, err)
		defer r.Close()
		return Load(r)
	}
	add("aaaaaaaaaaaaaaaa", 1)
	add("bbbbbbbbbbbbbbbb", 2)
	require.NoError(t, a.Close())
	runs, err := load()
	require.NoError(t, err)
	require.Len(t, runs[0].BySeed, 2)

	a, err = archive.Open(dir, archive.Identity{Campaign: "a night", Kernels: map[string]string{"6.1": "6.1.0"}})
	require.NoError(t, err)
	add("cccccccccccccccc", 2)
	require.NoError(t, a.Close())
	_, err = load()
	require.EqualError(t, err, "two runs of small on 6.1.0, seed 2: bbbbbbbbbbbb and cccccccccccc")
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

// Runs that broke are known from the archive of the night, also those at its end, and those of a place where all broke.
func TestRunsThatBroke(t *testing.T) {
	b := accepted(t, 8)
	drawn := Draw("2026-01-02", b.Place(), b.Pool(), 8)
	night := func(broke ...uint64) (*Runs, *Report) {
		dir := t.TempDir()
		a, err := archive.Open(dir, archive.Identity{Campaign: "a night", Kernels: map[string]string{"6.1": "6.1.0"}})
		require.NoError(t, err)
		for _, seed := range drawn {
			if slices.Contains(broke, seed) {
				for _, why := range []archive.Failure{archive.Broke, archive.Refused} { // in two calls
					_, err = a.Fail(archive.Failed{Failure: why, Scenario: b.Hash, Kernel: "6.1.0", Seed: seed,
						Because: "it fell over"})
					require.NoError(t, err)
				}
				continue
			}
			_, err = a.Append(&result.Record{
				Schema: 1, Run: fmt.Sprint("sha256:", seed), Digest: b.row(seed).Digest, Seed: seed, Valid: true,
				Scenario:   result.Scenario{Name: "small", Hash: b.Hash, Canonical: []byte("{}")},
				Provenance: result.Provenance{Kernel: "6.1.0"},
			})
			require.NoError(t, err)
		}
		require.NoError(t, a.Close())
		r, err := archive.Read(dir)
		require.NoError(t, err)
		defer r.Close()
		runs, err := Load(r)
		require.NoError(t, err)
		require.Len(t, runs, 1)
		report, err := Judge(Night{
			Plan: Plan{Night: "2026-01-02", Seeds: 8}, Baselines: []*Baseline{b}, Runs: runs,
			State: &State{Places: map[string]*Memory{}},
		})
		require.NoError(t, err)
		require.Len(t, report.Places, 1)
		return runs[0], report
	}
	_, report := night()
	require.Equal(t, 0, report.Status())
	for _, broke := range [][]uint64{drawn[:1], drawn[6:], drawn} {
		runs, report := night(broke...)
		require.Equal(t, 8, report.Places[0].Seeds)
		require.Equal(t, len(broke), report.Places[0].Broken)
		require.Equal(t, 8-len(broke), report.Places[0].Identical)
		require.Equal(t, int(problem.Invalid), report.Status())
		_, err := Accept(runs)
		require.Error(t, err, "7 seeds are too few, and 6 are not four fifths of 8")
	}
}

// A state that is lost, or damaged, costs nights and no more.
func TestStateLost(t *testing.T) {
	c := nights(t, accepted(t, 40))
	shift := world{build: "new", latency: 1.08, noise: 0.02}
	c.next(shift)
	file := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, c.state.Write(file))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)

	for _, k := range []struct{ name, says, data string }{
		{"cut off", "it is damaged (unexpected end of JSON input)", string(whole[:len(whole)/2])},
		{"empty", "it is damaged (unexpected end of JSON input)", ""},
		{"changed", "it is damaged (its contents do not fit its sum)", strings.Replace(string(whole), `"before":0`, `"before":9`, 1)},
	} {
		t.Run(k.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(k.data), 0o644))
			s, lost, err := ReadState(file)
			require.NoError(t, err)
			require.Equal(t, k.says, lost)
			require.Empty(t, s.Places)
			again := nights(t, c.b)
			again.state, again.day = s, c.day
			r := again.next(shift)
			r.StateLost = lost
			require.Contains(t, text(t, r, false),
				"No state of earlier nights: "+lost+". R starts at 0, which can only delay an alarm.\n")
			require.Empty(t, r.Alarms)
			require.NotEmpty(t, r.Rising)
		})
	}
	require.NoError(t, os.WriteFile(file, whole, 0o644))
	s, lost, err := ReadState(file)
	require.NoError(t, err)
	require.Empty(t, lost)
	require.Equal(t, c.state.Places, s.Places)
	_, lost, err = ReadState(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Equal(t, "there is none yet", lost)
}

// A process that is killed in mid-write leaves the old file, and beside it at most one that is never read.
func TestKilledInMidWrite(t *testing.T) {
	dir := t.TempDir()
	b := accepted(t, 10)
	require.NoError(t, b.Write(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".nightly-123"), []byte(`{"format":1,"scen`), 0o644))
	list, err := ReadBaselines(dir)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, b.Rows, list[0].Rows)

	if os.Geteuid() != 0 {
		t.Skip("a full disk is made of a tmpfs, which takes root")
	}
	full := filepath.Join(dir, "full")
	mountFull(t, full)
	err = b.Write(full)
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.ErrorContains(t, err, "no space left on device")
	left, err := os.ReadDir(full)
	require.NoError(t, err)
	require.Len(t, left, 1, "the file that fills it, and no half of a baseline")
}

func TestMarkdown(t *testing.T) {
	c := nights(t, accepted(t, 40))
	c.next(world{build: "old"})
	r := c.next(world{build: "new", latency: 1.5, noise: 0.02})
	require.Equal(t, 1, r.Status())
	got := text(t, r, true)
	require.Contains(t, got, "## Night of 2026-01-03: ALARM, 1 series\n")
	require.Contains(t, got, "| compared | 1 | 20 | 0 |\n")
	require.Contains(t, got, "### ALARM  small on 6.1: http.latency.p99 worse, ")
	require.Contains(t, got, "\n```\nruleout replay --from night ")
	require.Contains(t, got, "../before/bin/ruleout nightly run small.yaml --kernel 6.1 --pool 20 --out before\n")
	require.Contains(t, text(t, r, false), "    ruleout replay --from night ")
}
