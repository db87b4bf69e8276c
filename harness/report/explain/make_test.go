package explain_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/explain"
)

// factory makes calm runs, and remembers which.
type factory struct {
	mu    sync.Mutex
	seeds []uint64
	key   string
	fails map[uint64]error
}

func (f *factory) Run(_ context.Context, q machine.Request) (*result.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fails[q.Seed]; err != nil {
		return nil, err
	}
	f.seeds = append(f.seeds, q.Seed)
	r := calm(q.Seed)
	r.Schema = result.Schema
	r.Scenario.Hash = q.Scenario.Hash()
	r.Provenance.Key = f.key
	if q.Capture != nil {
		r.Provenance.Key += " captured"
	}
	var err error
	r.Digest, err = r.ComputeDigest()
	return r, err
}

// recorded is the record of a run with a fault.
func recorded(t *testing.T) *result.Record {
	t.Helper()
	s := parse(t, network+acks)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	r := calm(1)
	r.Scenario.Canonical, r.Scenario.Hash, r.Provenance.Key = json.RawMessage(canonical), s.Hash(), "key"
	return r
}

func maker(f *factory, dirs ...string) *explain.Maker {
	return &explain.Maker{
		Seeds: 3, Jobs: 2, Dirs: dirs, Note: func(string) {},
		Open: func(context.Context, machine.Request) (explain.Runner, error) { return f, nil },
	}
}

func seedsOf(runs []explain.Run) (list []uint64) {
	for _, r := range runs {
		list = append(list, r.Seed)
	}
	return list
}

func TestRunsAreMadeAndThenFound(t *testing.T) {
	dir := t.TempDir()
	f := &factory{key: "key"}
	m := maker(f, dir)
	m.Save = dir
	runs, why, err := m.Runs(t.Context(), recorded(t))
	require.NoError(t, err)
	require.Empty(t, why)
	require.Equal(t, []uint64{1, 2, 3, 4}, seedsOf(runs), "the twin is first")
	require.ElementsMatch(t, []uint64{1, 2, 3, 4}, f.seeds)

	// Files that are none of them are passed over.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "world-5-x.json"), []byte("{"), 0o600))
	f.seeds, m.Seeds = nil, 4
	runs, _, err = m.Runs(t.Context(), recorded(t))
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 3, 4, 5}, seedsOf(runs))
	require.Equal(t, []uint64{5}, f.seeds, "the others were found")
	require.NotEmpty(t, runs[0].File)

	// Those of other software are not the same runs.
	f.seeds, f.key = nil, "other"
	r := recorded(t)
	r.Provenance.Key = "other"
	m.Save = ""
	_, _, err = m.Runs(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, f.seeds, 5)
}

func TestATwinThatCannotBeHadIsAReason(t *testing.T) {
	runs, why, err := maker(&factory{key: "other"}).Runs(t.Context(), recorded(t))
	require.NoError(t, err)
	require.Empty(t, runs)
	require.Contains(t, why, "made with other software")

	m := maker(nil)
	m.Open = func(context.Context, machine.Request) (explain.Runner, error) {
		return nil, errors.New("no such kernel")
	}
	runs, why, err = m.Runs(t.Context(), recorded(t))
	require.NoError(t, err)
	require.Empty(t, runs)
	require.Equal(t, "no such kernel", why)
}

func TestFewerSeedsAreBetterThanNone(t *testing.T) {
	f := &factory{key: "key", fails: map[uint64]error{3: errors.New("it broke")}}
	runs, why, err := maker(f).Runs(t.Context(), recorded(t))
	require.NoError(t, err)
	require.Empty(t, why)
	require.Equal(t, []uint64{1, 2, 4}, seedsOf(runs))
}

func TestARecordWithACaptureHasCalmRunsWithOne(t *testing.T) {
	r := recorded(t)
	r.Provenance.Key, r.Provenance.Capture = "key captured", 96
	_, why, err := maker(&factory{key: "key"}).Runs(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, why)
}

func TestInterruptionIsNoReason(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	f := &factory{key: "key", fails: map[uint64]error{1: context.Canceled}}
	cancel(gone)
	_, _, err := maker(f).Runs(ctx, recorded(t))
	require.ErrorIs(t, err, gone)
}
