package scenario_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

func TestRepetitionsAreAsManyAsSpans(t *testing.T) {
	const s = scenario.Duration(time.Second)
	for _, c := range []struct {
		name  string
		fault scenario.Fault
		want  int64
	}{
		{"once", scenario.Fault{At: 1 * s, For: 1 * s}, 1},
		{"to the end", scenario.Fault{}, 1},
		{"a few", scenario.Fault{For: 1 * s, Every: 2 * s, Times: 3}, 3},
		{"until the run ends", scenario.Fault{For: 1 * s, Every: 3 * s}, 4},
		{"one would begin at the end", scenario.Fault{For: 1 * s, Every: 2 * s}, 5},
		{"from later on", scenario.Fault{At: 3 * s, For: 1 * s, Every: 2 * s}, 4},
		{"an injection", scenario.Fault{At: 9 * s, Every: 3 * s, Do: scenario.Action{Inject: &scenario.Inject{}}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			spans, more := c.fault.Spans(10*s, 1000)
			require.False(t, more)
			require.Len(t, spans, int(c.want))
			require.Equal(t, c.want, c.fault.Repetitions(10*s))
		})
	}
}
