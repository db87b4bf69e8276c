package worker

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// mostChecks bounds the runs that wait to be made, too.
const mostChecks = 1024

// listen makes runs that other workers made.
func (s *session) listen(ctx context.Context, checks <-chan *nats.Msg) {
	for {
		select {
		case m := <-checks:
			s.wait.Go(func() { s.check(ctx, m.Data) })
		case <-ctx.Done():
			return
		}
	}
}

// check makes a run that another worker made, so that the two can be compared.
func (s *session) check(ctx context.Context, text []byte) {
	var l wire.Lease
	if wire.Unpack(text, &l) != nil || len(l.Seeds) != 1 {
		return
	}
	run := fmt.Sprintf("%s %s %d", l.Hash, l.Kernel, l.Seeds[0])
	s.mu.Lock()
	again := s.checks[run] // a reminder
	s.checks[run] = true
	s.mu.Unlock()
	if again {
		return
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.checks, run)
	}()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.slots }()
	s.hold(l.ID, true)
	defer s.hold(l.ID, false)
	var r *result.Record
	err := s.fetch(ctx, &l)
	if err == nil {
		r, err = s.Maker.Make(ctx, &l, l.Seeds[0])
	}
	if ctx.Err() == nil {
		o := &wire.Outcome{Worker: s.Self.Worker, Lease: l.ID, Seed: l.Seeds[0], Check: true, Trouble: wire.TroubleOf(err)}
		_, _ = s.tell(ctx, o, r) // the coordinator asks another one if there is trouble
	}
}
