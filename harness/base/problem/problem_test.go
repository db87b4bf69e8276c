package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

func TestKindAndHintAreFoundBehindOtherErrors(t *testing.T) {
	cause := errors.New("no such qdisc")
	err := fmt.Errorf("build wire: %w", problem.Wrap(problem.Machine, cause, "load the module"))
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.Equal(t, "load the module", problem.HintOf(err))
	require.ErrorIs(t, err, cause)
	require.Equal(t, "build wire: no such qdisc", err.Error())
}

func TestTheOutermostKindWins(t *testing.T) {
	inner := problem.Wrap(problem.Usage, errors.New("x"), "spell it right")
	err := problem.Wrap(problem.Invalid, fmt.Errorf("run: %w", inner), "")
	require.Equal(t, problem.Invalid, problem.KindOf(err))
	require.Equal(t, "spell it right", problem.HintOf(err), "the first hint that there is")
}

func TestErrorsOfNobodyAreOther(t *testing.T) {
	require.Equal(t, problem.Other, problem.KindOf(errors.New("x")))
	require.Empty(t, problem.HintOf(errors.New("x")))
	require.Empty(t, problem.HintOf(nil))
	require.NoError(t, problem.Wrap(problem.Usage, nil, "hint"))
}

// Kinds are the exit statuses that scripts rely on.
func TestKindsAreExitStatuses(t *testing.T) {
	require.EqualValues(t, []problem.Kind{1, 2, 3, 4},
		[]problem.Kind{problem.Other, problem.Usage, problem.Machine, problem.Invalid})
}

func TestPlaceOf(t *testing.T) {
	inner := &problem.Error{Kind: problem.Usage, Err: errors.New("x"), Place: "nodes.web"}
	require.Equal(t, "nodes.web", problem.PlaceOf(problem.Wrap(problem.Invalid, fmt.Errorf("run: %w", inner), "")))
	require.Empty(t, problem.PlaceOf(problem.Wrap(problem.Usage, errors.New("x"), "")))
	require.Empty(t, problem.PlaceOf(nil))
}

func TestAMistakeHasAHint(t *testing.T) {
	m := &problem.Mistake{Path: "expect[0]", Offset: 3, Length: 1, Msg: "no unit", Hint: "write 5ms"}
	require.EqualError(t, m, "no unit")
	require.Equal(t, "write 5ms", problem.HintOf(fmt.Errorf("read: %w", m)))
	require.Equal(t, "write 5ms", problem.HintOf(problem.Wrap(problem.Usage, m, "")))
	require.Equal(t, "say it again", problem.HintOf(problem.Wrap(problem.Usage, m, "say it again")), "it is the outer one")
}
