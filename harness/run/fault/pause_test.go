package fault

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// held is a node whose processes note how they are stopped, and use CPU time whenever the test says so.
type held struct {
	done []string
	used time.Duration
	busy time.Duration // used while they stand still, each time
	tail time.Duration // used once, after it was said that they stand still
	left time.Duration // of the tail
	err  error         // of letting them go on
}

func (h *held) Freeze() (int, error) {
	h.done = append(h.done, "freeze")
	h.left = h.tail
	return 2, nil
}

func (h *held) Thaw() error {
	h.done = append(h.done, "thaw")
	return h.err
}

func (h *held) Used() (time.Duration, error) {
	defer func() { h.used, h.left = h.used+h.busy+h.left, 0 }()
	return h.used, nil
}

// An actor stops the processes and lets them go on in turn, and does so too where it is stopped in the middle. What
// went wrong with it is in the receipt.
func TestPausesTakeTurns(t *testing.T) {
	const ms = scenario.Duration(time.Millisecond)
	full := scenario.Fault{Name: "still", Do: scenario.Action{Pause: true}, Node: "n", At: 5 * ms, For: 5 * ms,
		Every: 20 * ms, Times: 2}
	open := full
	open.For, open.Every, open.Times = 10000*ms, 0, 0
	for name, c := range map[string]struct {
		fault   scenario.Fault
		node    held
		until   time.Duration
		done    []string
		receipt result.Receipt
		stood   float64
		because []string
		err     string
	}{
		"both turns": {fault: full, until: 60 * time.Millisecond, done: []string{"freeze", "thaw", "freeze", "thaw"},
			receipt: result.Receipt{Matched: 2, Chosen: 2, Delivered: 2, Processes: 2}, stood: 0.01},
		"stopped in the first": {fault: open, until: 30 * time.Millisecond, done: []string{"freeze", "thaw"},
			receipt: result.Receipt{Matched: 1, Chosen: 1, Delivered: 1, Processes: 2}, stood: 0.025},
		"the last stops later": {fault: full, until: 60 * time.Millisecond, node: held{tail: 7 * time.Microsecond},
			done:    []string{"freeze", "thaw", "freeze", "thaw"},
			receipt: result.Receipt{Matched: 2, Chosen: 2, Delivered: 2, Processes: 2}, stood: 0.01},
		"ends before": {fault: full, until: time.Millisecond, because: []string{"fault-did-not-act"}},
		"some that run on": {fault: full, until: 60 * time.Millisecond, node: held{busy: time.Microsecond},
			done: []string{"freeze", "thaw", "freeze", "thaw"}, because: []string{"delivery-differs"},
			receipt: result.Receipt{Matched: 2, Chosen: 2, Processes: 2}, stood: 0.01},
		"some that do not go on": {fault: full, until: 60 * time.Millisecond, node: held{err: errors.New("no such group")},
			done: []string{"freeze", "thaw", "freeze", "thaw"}, err: "fault still: no such group\nno such group"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pause{node: &c.node}
			w := &Wires{faults: []scenario.Fault{c.fault}, pauses: []*pause{p}, start: clock(t)}
			require.NoError(t, p.begin(&c.fault, w.start))
			await(t, w.start+int64(c.until))
			require.NoError(t, w.stopTurns())
			require.NoError(t, w.stopTurns(), "again")
			require.Equal(t, c.done, c.node.done)
			var because result.Reasons
			r, err := w.pauseReceipt(p, &because)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.InDelta(t, c.stood, r.Stood, 0.002)
			r.Name, r.Stood = "", 0
			require.Equal(t, c.receipt, r)
			var kinds []string
			for _, b := range because {
				kinds = append(kinds, string(b.Kind))
			}
			require.Equal(t, c.because, kinds)
		})
	}
}
