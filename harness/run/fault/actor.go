package fault

import (
	"errors"
	"runtime"
	"sync"

	"github.com/ruleout/ruleout/harness/base/realtime"
)

// An actor is a thread that acts on links at planned moments, until it is stopped.
type actor struct {
	// stop ends the actor and waits for it; what it had planned for later is not done.
	stop func() error
	// done is closed when it is through with everything; failed is to be read then.
	done   chan struct{}
	failed error
}

// newActor starts one that acts. It has precedence over the nodes, whose workers would keep it from the CPU
// for milliseconds.
func newActor(act func(*alarm) error) (*actor, error) {
	a, err := newAlarm()
	if err != nil {
		return nil, err
	}
	// A thread that comes back from waiting needs one of the Go scheduler's places to go on. If the only
	// one belongs to a thread that has gone to wait meanwhile, it takes up to 10 ms until that is found out.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	actor := &actor{done: make(chan struct{})}
	go func() {
		defer close(actor.done)
		runtime.LockOSThread() // and never unlock: the thread ends with its precedence
		realtime.Take(realtime.Fault)
		actor.failed = act(a)
	}()
	actor.stop = sync.OnceValue(func() error {
		err := a.cancel()
		<-actor.done
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
		return errors.Join(err, a.Close(), actor.failed)
	})
	return actor, nil
}
