package validate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/selftest/validate"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// seeded is a kernel whose runs depend on their seeds.
type seeded func(seed uint64) (*result.Record, error)

func (s seeded) Run(_ context.Context, _ *campaign.Arm, seed uint64) (*result.Record, error) {
	return s(seed)
}

const lossy = `
duration: 1s
seeds: 3
nodes: {client: , web: {service: {php: {}}}}
links: [{between: [client, web]}]
faults: [{name: loss, link: [client, web], do: {loss: {random: 10%}}}]
expect:
  - fault.loss.delivered / fault.loss.matched < 15%
  - web.Tcp.RetransSegs == 60
  - http.latency.p50 < 25ms
  - web.accept_queue.max == 2
`

// lost is a run of 100 times seed packets.
func lost(seed uint64, lost int64) *result.Record {
	n := 100 * int64(seed)
	r := &result.Record{Seed: seed, Valid: true,
		Faults: []result.Receipt{{Name: "loss", Matched: n, Chosen: n, Delivered: lost,
			DeliveredInterval: []int64{0, n / 5}}},
		Counters: map[string]map[string]int64{"web": {"Tcp.RetransSegs": 10 * int64(seed)}},
		Metrics: map[string]result.Metric{
			"fault.loss.matched": {Value: float64(n)}, "fault.loss.delivered": {Value: float64(lost)},
			"http.latency.p50": {Value: 0.01 * float64(seed), Unit: "s"}, "web.accept_queue.max": {Value: float64(seed)},
		}}
	if lost > n/5 {
		r.Valid, r.InvalidBecause = false,
			result.Reasons{{Kind: result.OutsideInterval, Place: "fault loss", Text: "its model lost too many"}}
	}
	return r
}

// judged is what comes of the case when runs of the seeds 1, 2 and 3 end as asked.
func judged(t *testing.T, runs seeded) *validate.Outcome {
	t.Helper()
	cases, err := validate.Load([]string{write(t, map[string]string{"a.yaml": head + "a\nsource: RFC 1" + lossy})})
	require.NoError(t, err)
	table, err := validate.Run(t.Context(), cases, []validate.Kernel{{Release: "6.1.0"}},
		validate.Options{Runner: runs, Seed: 1, Jobs: 1})
	require.NoError(t, err)
	require.Equal(t, 3, table.Rows[0].Seeds)
	return table.Rows[0].Outcomes[0]
}

func TestSeedsAreJudgedTogether(t *testing.T) {
	losses := func(n ...int64) seeded {
		return func(seed uint64) (*result.Record, error) { return lost(seed, n[seed-1]), nil }
	}
	// 30 of 100, 20 of 200 and 10 of 300: 10 % of all, although each share's mean is 14.4 %, and the first is beyond its
	// own interval.
	o := judged(t, losses(30, 20, 10))
	require.Equal(t, validate.Agrees, o.Verdict, o.Measured)
	require.Len(t, o.Records(), 3)
	require.Equal(t, "0.10", o.Measured[0].Text)
	require.Equal(t, "60", o.Measured[1].Text)
	require.Equal(t, "20.0 ms", o.Measured[2].Text)
	require.Equal(t, "2", o.Measured[3].Text)

	// Each within its own interval, and all of them together not.
	o = judged(t, losses(15, 30, 50))
	require.Equal(t, validate.Disagrees, o.Verdict)
	require.Equal(t, []bool{false, true, true, true},
		[]bool{o.Measured[0].OK, o.Measured[1].OK, o.Measured[2].OK, o.Measured[3].OK})

	// A run that is invalid for something else too shows nothing.
	o = judged(t, func(seed uint64) (*result.Record, error) {
		r := lost(seed, 10)
		if seed == 2 {
			r = lost(seed, 50)
			r.InvalidBecause.Add(result.RecorderLate, "", "the recorder was late")
		}
		return r, nil
	})
	require.Equal(t, validate.Invalid, o.Verdict)
	require.Equal(t, "seed 2: fault loss: its model lost too many; the recorder was late", o.Because)

	o = judged(t, func(seed uint64) (*result.Record, error) {
		if seed == 3 {
			return nil, errors.New("QEMU died")
		}
		return lost(seed, 10), nil
	})
	require.Equal(t, validate.Failed, o.Verdict)
	require.Equal(t, "QEMU died", o.Because)
	require.Len(t, o.Records(), 2)

	// A run that breaks once is made once more.
	tries := 0
	o = judged(t, func(seed uint64) (*result.Record, error) {
		if tries++; tries == 2 {
			return nil, errors.New("QEMU died")
		}
		return lost(seed, 20), nil
	})
	require.Equal(t, 4, tries)
	require.Len(t, o.Records(), 3)
	require.Equal(t, validate.Agrees, o.Verdict, o.Measured)

	// What the kernel refuses it refuses at every seed.
	tries = 0
	o = judged(t, func(uint64) (*result.Record, error) {
		tries++
		return nil, &problem.Error{Kind: problem.Usage, Err: errors.New("invalid argument"), Place: "links.client-web.delay"}
	})
	require.Equal(t, 1, tries)
	require.Equal(t, validate.Failed, o.Verdict)
}
