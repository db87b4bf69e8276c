package shrink_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/shrink"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// fake makes records without running anything: recoveries are the seed, where a fault copies ACKs. Seeds in broken
// break, and those in invalid are not valid.
type fake struct {
	broken, invalid map[uint64]bool
	runs            int
}

func (f *fake) Run(_ context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error) {
	f.runs++
	if f.broken[seed] {
		return nil, errors.New("QEMU fell over")
	}
	recoveries := int64(0)
	if copies(arm.Scenario) {
		recoveries = int64(seed)
	}
	r := &result.Record{
		Schema: 1, Run: fmt.Sprint(arm.Hash, seed), Digest: fmt.Sprint("digest ", seed), Seed: seed, Valid: true,
		Scenario:   result.Scenario{Hash: arm.Hash, Canonical: []byte("{}")},
		Provenance: result.Provenance{Kernel: "6.1.0"},
		Counters:   map[string]map[string]int64{"web": {"TcpExt.TCPRenoRecovery": recoveries}},
	}
	if f.invalid[seed] {
		r.Valid = false
		r.InvalidBecause.Add(result.GeneratorLate, "load[0]", "was late")
	}
	return r, nil
}

func runs(t *testing.T, f *fake) *shrink.Runs {
	t.Helper()
	a, err := archive.Open(t.TempDir(), archive.Identity{Campaign: "shrink", Kernels: map[string]string{"": "6.1.0"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	path := filepath.Join(t.TempDir(), "large.yaml")
	require.NoError(t, os.WriteFile(path, []byte(large), 0o600))
	return &shrink.Runs{Loop: sweep.Loop{Archive: a, Runner: f, Workers: 2}, Path: path, Release: "6.1.0", First: 1,
		Seeds: 3}
}

const most7 = `
expect: [web.TcpExt.TCPRenoRecovery > 0, web.TcpExt.TCPRenoRecovery < 7]
`

func TestRunsShowWhatAllSeedsOfTheBlockShow(t *testing.T) {
	f := &fake{invalid: map[uint64]bool{5: true}}
	r := runs(t, f)
	text := []byte(large[:len(large)-len("expect:\n  - http.errors == 0\n  - web.TcpExt.TCPRenoRecovery > 0\n")] + most7)
	shows, err := r.Shows(t.Context(), text)
	require.NoError(t, err)
	assert.True(t, shows)
	assert.Equal(t, 3, f.runs)
	n, err := r.Fresh(t.Context(), text, 5) // seeds 4 to 8: 5 is invalid, 7 and 8 are too many
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	digest, err := r.Digest(text)
	require.NoError(t, err)
	assert.Equal(t, "digest 1", digest)
	_, err = r.Shows(t.Context(), text)
	require.NoError(t, err)
	assert.Equal(t, 8, f.runs, "no run is made twice")
	shows, err = r.Shows(t.Context(), []byte("version: 1\n"))
	require.NoError(t, err)
	assert.False(t, shows, "what is no scenario shows nothing")
}

func TestWhyNothingIsShownIsSaid(t *testing.T) {
	r := runs(t, &fake{})
	require.Equal(t, shrink.ErrNotShown, r.NotShown())
	r = runs(t, &fake{broken: map[uint64]bool{1: true}})
	shows, err := r.Shows(t.Context(), []byte(large))
	require.NoError(t, err)
	assert.False(t, shows)
	require.ErrorIs(t, r.NotShown(), shrink.ErrNotShown)
	require.ErrorContains(t, r.NotShown(), "the run with seed 1 broke: ")
	require.ErrorContains(t, r.NotShown(), "QEMU fell over")
	r = runs(t, &fake{invalid: map[uint64]bool{1: true}})
	_, err = r.Shows(t.Context(), []byte(large))
	require.NoError(t, err)
	require.ErrorContains(t, r.NotShown(), "the run with seed 1 is invalid: ")
}

// A chance stands for packets of one direction, by the draw of the first seed.
// The scenario of a record reads like a file, and is the same.
func TestTheScenarioOfARecordIsTheSame(t *testing.T) {
	s, err := expect.Load(golden.Repository(t, "scenarios/dup-ack.yaml"), []string{"faults.dup-acks.at=2s"})
	require.NoError(t, err)
	of, err := shrink.OfRecord("record.json", s, nil)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), of.Scenario.Hash())
	again, err := expect.Parse("record.json", of.Text, nil)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), again.Hash())
	require.Contains(t, string(of.Text), "\n    at: 2s\n")
	require.Contains(t, string(of.Text), "net.ipv4.tcp_sack: \"0\"\n")
	require.NotContains(t, string(of.Text), "{\n")

	of, err = shrink.OfRecord("record.json", s, []string{"duration=9s"})
	require.NoError(t, err)
	require.Contains(t, string(of.Text), "\nduration: 9s\n")
	_, err = shrink.OfRecord("record.json", s, []string{"durations=9s"})
	require.Equal(t, problem.Usage, problem.KindOf(err))
}

func TestAChanceHasPacketsByNumber(t *testing.T) {
	r := runs(t, &fake{})
	assert.Empty(t, r.Draw([]byte(large), "lost"), "it acts in both directions")
	assert.Empty(t, r.Draw([]byte(large), "late"), "it has no chance")
	list := r.Draw([]byte(large), "acks")
	assert.InDelta(t, 10_000, len(list), 500, "10 % of 100,000")
	assert.IsIncreasing(t, list)
	assert.GreaterOrEqual(t, list[0], 1)
}
