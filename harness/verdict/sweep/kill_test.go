package sweep

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive/archivetest"
)

// killedIn says to this program, when TestKilled starts it again, in which directory it sweeps.
const killedIn = "RULEOUT_TEST_SWEEP_IN"

// TestSweeper is the process that TestKilled kills. The sweep and its archive are the real ones; the runs are those of
// a fake world, without machines, and so cheap that the kills fall between runs and into what this package and the
// archive do.
func TestSweeper(t *testing.T) {
	dir := os.Getenv(killedIn)
	if dir == "" {
		t.Skip("it is started by TestKilled, in a process of its own")
	}
	p, a := newPlan(t), open(t, dir)
	_, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: &fake{plan: p, after: breathe}, Workers: 2}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

// breathe lets the killer see how far it is.
func breathe(int64) { time.Sleep(200 * time.Microsecond) }

// Killed a hundred times, each time so many bytes after it has begun to write, or while it opens its archive, a sweep
// ends with the records and verdicts of a sweep that ran undisturbed.
func TestKilled(t *testing.T) {
	p := newPlan(t)
	undisturbed, want, _ := whole(t, p, 2)
	random, dir := rand.New(rand.NewPCG(100, 4)), t.TempDir()
	// A fake record takes some hundred bytes: the kills are spread over three quarters of the sweep.
	step := size(filepath.Join(undisturbed, "records.zst")) * 3 / 4 / 100
	kills, opening, torn, ends := 0, 0, 0, 0
	for kills < 100 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestSweeper$")
		cmd.Env = append(os.Environ(), killedIn+"="+dir)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		records := filepath.Join(dir, "records.zst")
		before, more := size(records), random.Int64N(2*step)
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if kills%10 == 9 { // at any moment of its start
			opening++
			more = -1
			time.Sleep(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
		}
		for more >= 0 && size(records) <= before+more && len(ended) == 0 {
			time.Sleep(20 * time.Microsecond)
		}
		_ = cmd.Process.Kill() // an error means that it has ended
		err := <-ended
		if err == nil { // a killer that was not scheduled for so long; the next sweep is another
			require.Equal(t, lines(t, undisturbed), lines(t, dir))
			dir, ends = t.TempDir(), ends+1
			continue
		}
		require.ErrorContains(t, err, "killed", "%s", &out)
		kills++

		a := open(t, dir) // the lock went with the process
		for _, d := range a.Damages {
			require.True(t, d.Torn, "%v", d)
			torn++
		}
		require.NoError(t, a.Close())
	}
	a := open(t, dir)
	kept := a.Len()
	r, err := Run(context.Background(),
		Options{Loop: Loop{Archive: a, Runner: &fake{plan: p}, Workers: 2}, Plan: p, Kernels: kernels})
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Equal(t, verdicts(want), verdicts(r))
	require.Equal(t, lines(t, undisturbed), lines(t, dir), "the same records, none lost and none twice")
	t.Logf("%d kills, %d of them in the start; %d left a torn record; %d sweeps ended before their kill; "+
		"%d of %d runs were there before the last one", kills, opening, torn, ends, kept, r.Runs)

	var files []string
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		files = append(files, e.Name())
	}
	require.Equal(t, []string{"campaign.json", "index", "lock", "records.zst"}, files)
}

func size(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	return 0
}

// lines of the file of records, sorted, read without the index.
func lines(t *testing.T, dir string) []string {
	list, err := archivetest.Lines(dir)
	require.NoError(t, err)
	slices.Sort(list)
	return list
}
