package run

import (
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

// teller tells a run's events: those of this package when they happen, and the
// planned ones (a fault goes on, the window begins) when their time comes. It
// only tells; what is planned happens without it.
type teller struct {
	mu     sync.Mutex
	events func(protocol.Event)
	begin  time.Duration // start of the measured window; 0 while it is not known
	born   time.Duration
	stop   chan struct{}
	done   sync.WaitGroup
}

func newTeller(events func(protocol.Event)) *teller {
	if events == nil {
		events = func(protocol.Event) {}
	}
	return &teller{events: events, born: monotonic(), stop: make(chan struct{})}
}

// tell reports something that happens now.
func (t *teller) tell(kind, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := monotonic() - t.born
	if t.begin != 0 {
		at = monotonic() - t.begin
	}
	t.events(protocol.Event{At: at, Kind: kind, Text: text})
}

// follow tells the planned events of the scenario when their time comes.
func (t *teller) follow(begin time.Duration, s *scenario.Scenario) {
	t.mu.Lock()
	t.begin = begin
	t.mu.Unlock()
	events := planned(s)
	t.done.Add(1)
	go func() {
		defer t.done.Done()
		for _, e := range events {
			timer := time.NewTimer(begin + e.At - monotonic())
			select {
			case <-timer.C:
			case <-t.stop:
				timer.Stop()
				return
			}
			t.mu.Lock()
			t.events(e)
			t.mu.Unlock()
		}
	}()
}

// close ends the telling; what is planned for later is not reported.
func (t *teller) close() {
	close(t.stop)
	t.done.Wait()
}

// planned lists what a scenario says will happen, in order of time.
func planned(s *scenario.Scenario) []protocol.Event {
	moments := describe.Moments(s)
	events := make([]protocol.Event, len(moments))
	for i, m := range moments {
		events[i] = protocol.Event(m)
	}
	return events
}
