package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = Duration(time.Millisecond)

func TestAFaultIsActiveWhenItsSpansSaySo(t *testing.T) {
	inject := Action{Inject: &Inject{}}
	for name, f := range map[string]Fault{
		"to the end":    {At: 3 * ms},
		"once":          {At: 3 * ms, For: 2 * ms},
		"repeated":      {At: 3 * ms, For: 2 * ms, Every: 5 * ms},
		"three times":   {For: ms, Every: 2 * ms, Times: 3},
		"injected":      {At: ms, Do: inject},
		"injected more": {At: ms, Every: 4 * ms, Times: 2, Do: inject},
	} {
		t.Run(name, func(t *testing.T) {
			const end = 30 * ms
			spans, more := f.Spans(end, 100)
			require.False(t, more)
			for at := Duration(0); at < end; at += ms / 2 {
				for _, at := range []Duration{at - 1, at, at + 1} {
					inside, n := false, int64(0)
					for i, s := range spans {
						if s.From <= at && (at < s.To || at == s.From) {
							inside, n = true, int64(i)
						}
					}
					repetition, since, ok := f.Active(at)
					require.Equal(t, inside, ok, "%v", at)
					if ok {
						require.Equal(t, n, repetition, "%v", at)
						require.Equal(t, at-spans[n].From, since, "%v", at)
					}
				}
			}
		})
	}
}

func TestStepsOfARampBeginWhereTheySay(t *testing.T) {
	for _, r := range []Ramp{{Over: 9 * ms, Steps: 10}, {Over: 10 * ms, Steps: 4}, {Over: 7, Steps: 3},
		{Over: ms, Steps: 2}, {Over: Duration(1000 * time.Hour), Steps: 14}} {
		require.Equal(t, 0, r.Step(0))
		require.Equal(t, 0, r.Step(-1), "before the beginning")
		require.Equal(t, r.Steps-1, r.Step(r.Over))
		require.Equal(t, r.Steps-1, r.Step(Forever))
		require.Equal(t, r.Over, r.Begins(r.Steps-1))
		for k := range r.Steps {
			require.Equal(t, k, r.Step(r.Begins(k)), "step %d of %+v", k, r)
			if k > 0 {
				require.Equal(t, k-1, r.Step(r.Begins(k)-1), "just before step %d of %+v", k, r)
			}
		}
	}
}

func TestValuesOfARampAreEquallyFarApart(t *testing.T) {
	end := Share(.4)
	r := Ramp{Over: ms, Steps: 4, Chance: &end, Delay: 40 * ms, Rate: 1000}
	for k, want := range []struct {
		chance Share
		delay  Duration
		rate   Rate
	}{{.1, 10 * ms, 4000}, {.2, 20 * ms, 3000}, {.3, 30 * ms, 2000}, {.4, 40 * ms, 1000}} {
		require.InDelta(t, float64(want.chance), float64(r.ChanceAt(.1, k)), 1e-15)
		require.Equal(t, want.delay, r.DelayAt(10*ms, k))
		require.Equal(t, want.rate, r.RateAt(4000, k))
	}
	require.Equal(t, end, r.ChanceAt(.1, 3), "the last is what was asked for, to the bit")
}
