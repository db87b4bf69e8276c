package actor

import (
	"errors"
	"runtime"
	"sync"

	"github.com/ruleout/ruleout/harness/base/realtime"
)

// An Actor is a thread that acts at planned moments, until it is stopped.
type Actor struct {
	// Stop ends the actor and waits for it; what it had planned for later is not done.
	Stop func() error
	// Done is closed when it is through with everything; Failed is to be read then.
	Done   chan struct{}
	Failed error
}

// New starts one that acts. It has precedence over the nodes, whose workers would keep it from the CPU
// for milliseconds.
func New(act func(*Alarm) error) (*Actor, error) {
	a, err := newAlarm()
	if err != nil {
		return nil, err
	}
	// A thread that comes back from waiting needs one of the Go scheduler's places to go on. If the only
	// one belongs to a thread that has gone to wait meanwhile, it takes up to 10 ms until that is found out.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	actor := &Actor{Done: make(chan struct{})}
	go func() {
		defer close(actor.Done)
		runtime.LockOSThread() // and never unlock: the thread ends with its precedence
		realtime.Take(realtime.Fault)
		actor.Failed = act(a)
	}()
	actor.Stop = sync.OnceValue(func() error {
		err := a.cancel()
		<-actor.Done
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
		return errors.Join(err, a.Close(), actor.Failed)
	})
	return actor, nil
}
