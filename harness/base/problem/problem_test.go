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
	require.EqualValues(t, []problem.Kind{1, 2, 3, 4}, []problem.Kind{problem.Other, problem.Usage, problem.Machine, problem.Invalid})
}

func TestPlaceOf(t *testing.T) {
	inner := &problem.Error{Kind: problem.Usage, Err: errors.New("x"), Place: "nodes.web"}
	require.Equal(t, "nodes.web", problem.PlaceOf(problem.Wrap(problem.Invalid, fmt.Errorf("run: %w", inner), "")))
	require.Empty(t, problem.PlaceOf(problem.Wrap(problem.Usage, errors.New("x"), "")))
	require.Empty(t, problem.PlaceOf(nil))
}
