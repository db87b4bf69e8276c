package team_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
	"github.com/ruleout/ruleout/harness/verdict/cluster/team"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Ctrl-C while the worker of the process says hello.
func TestATeamThatIsStoppedBeforeItStands(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	stopped := errors.New("interrupted")
	ctx, stop := context.WithCancelCause(t.Context())
	o := team.Options{Fleet: &sweep.Fleet{}, Jobs: 1, Fail: func(error) {}, Note: func(string) {}}
	opened, err := team.Open(ctx, o)
	require.NoError(t, err)
	opened.Close()
	opened.Close()
	stop(stopped)
	_, err = team.Open(ctx, o)
	require.ErrorIs(t, err, stopped)
}

func TestATeamThatCannotBePutTogether(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for name, of := range map[string]struct {
		o    team.Options
		kind problem.Kind
	}{
		"server": {team.Options{URL: "nats://127.0.0.1:1"}, problem.Machine},
		"URL":    {team.Options{URL: "http://127.0.0.1:1"}, problem.Usage},
		"listen": {team.Options{Hub: hub.Options{Listen: "0.0.0.0:0"}}, problem.Usage},
	} {
		t.Run(name, func(t *testing.T) {
			of.o.Fleet, of.o.Jobs = &sweep.Fleet{}, 1
			_, err := team.Open(t.Context(), of.o)
			require.Equal(t, of.kind, problem.KindOf(err), "%v", err)
		})
	}
}
