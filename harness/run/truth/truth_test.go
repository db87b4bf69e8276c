package truth

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

func TestAReportIsKept(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	r := &Report{Schema: Schema, Release: "6", Answers: []Answer{{"seed", Yes}}, Trains: []Train{{"delay", "0@1"}}}
	r.Seal()
	require.NoError(t, Save(dir, r))
	got, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, r, got)
	other := *r
	other.Trains = []Train{{"delay", "0@2"}}
	other.Seal()
	require.NotEqual(t, r.Fingerprint, other.Fingerprint)
	other.Schema++
	require.NoError(t, Save(dir, &other))
	_, err = Load(dir)
	require.ErrorContains(t, err, "schema")
}

func TestWhatAKernelCannotDoIsSaidBefore(t *testing.T) {
	s := &scenario.Scenario{Faults: []scenario.Fault{{Name: "late",
		Do: scenario.Action{Delay: 2, Jitter: 1, InOrder: true}},
		{Name: "loss", Do: scenario.Action{Loss: &scenario.Loss{}}}}}
	r := &Report{Release: "3.2.0", Answers: []Answer{{"in-order", Yes}, {"loss-models", Yes}, {"seed", No}}}
	require.NoError(t, r.Check(s))
	r.Answers[1].Answer = No
	err := r.Check(s)
	require.EqualError(t, err, "fault loss: kernel 3.2.0 cannot do it: "+
		"it is not so that the models gemodel and state lose packets as they are said to")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
	r.Answers = nil
	require.ErrorContains(t, r.Check(s), "fault late")
}
