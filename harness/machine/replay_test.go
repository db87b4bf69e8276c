package machine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
)

// A field of the provenance that an early record lacks is no difference; every other one is named with both values.
func TestCompareRecords(t *testing.T) {
	a := &result.Record{Digest: "sha256:1", Provenance: result.Provenance{Key: "k", Kernel: "6.1",
		Machine: "microvm, template 01234"}, Counters: map[string]map[string]int64{"web": {"Tcp.InSegs": 3}}}
	b := &result.Record{Digest: "sha256:2", Provenance: result.Provenance{Key: "l", Kernel: "6.12", Machine: "microvm",
		QEMU: "7.2"}, Counters: map[string]map[string]int64{"web": {"Tcp.InSegs": 4}}}
	r := compareRecords(a, b)
	require.False(t, r.Equal)
	require.False(t, r.SameKey)
	require.Equal(t, []Difference{{Field: "kernel", Recorded: "6.1", Replayed: "6.12"}}, r.Provenance)
	require.Len(t, r.Differences, 1)
	require.Contains(t, r.Differences[0].Field, "Tcp.InSegs")
	require.Nil(t, r.Differences[0].Moment)
	require.Same(t, b, r.Last)

	r = compareRecords(a, a)
	require.True(t, r.Equal)
	require.True(t, r.SameKey)
	require.Empty(t, r.Differences)
}

func TestARecordWithAnotherScenarioIsNotReplayed(t *testing.T) {
	_, err := RequestOf(&result.Record{Scenario: result.Scenario{Hash: "sha256:0",
		Canonical: []byte(`{"version":1,"name":"a","nodes":{"a":{}}}`)}})
	require.ErrorContains(t, err, "its scenario")
	require.Equal(t, problem.Usage, problem.KindOf(err))
}
