package soak

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/agent"
)

// burnRole is a process that keeps one processor busy.
const burnRole = "burn"

func init() { agent.Register(burnRole, burn) }

// Busy keeps every processor of this machine busy until it is closed, with a process
// for each. They compete for the processors as any other program does, and die with this one.
type Busy struct{ undo undo.Stack }

// MakeBusy starts them.
func MakeBusy(ctx context.Context) (*Busy, error) {
	b := new(Busy)
	for range runtime.NumCPU() {
		p, err := agent.Start(ctx, agent.Spec{Role: burnRole})
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		b.undo.Push(p.Close)
	}
	return b, nil
}

// Close ends the processes.
func (b *Busy) Close() error { return b.undo.Close() }

// burn spins until it is told to end.
func burn(ctx context.Context, _ json.RawMessage, c agent.Control) (any, error) {
	c.Ready()
	x := uint64(1)
	for ctx.Err() == nil {
		for range 1_000_000 { // a few milliseconds
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
	return x, nil
}
