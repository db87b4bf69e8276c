package sweep

import (
	"context"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Runner makes one run of an arm. It is called by several goroutines. An error with a place (see [problem.PlaceOf])
// is a refusal: the kernel refuses a value of the scenario, as it would with any seed.
type Runner interface {
	Run(ctx context.Context, arm *campaign.Arm, seed uint64) (*result.Record, error)
}

// Crew is a [Runner] whose runs are made by workers that come and go.
type Crew interface {
	Runner
	// Lease says which seeds of an arm will be asked for, one after the other. They are asked of what it returns, until
	// end is called.
	Lease(ctx context.Context, arm *campaign.Arm, seeds []uint64) (runs Runner, end func())
	// Slots is how many runs the workers make at a time now; changed is closed when that is another number.
	Slots() (now int, changed <-chan struct{})
}

// Loop says how runs are made. Runner has to be given.
type Loop struct {
	Runner Runner
	// Archive gets the records, and the runs that failed. It may be nil.
	Archive *archive.Archive
	// Workers is how many runs there are at a time; 0 means 1. A [Crew] says so itself.
	Workers int
	// Budget is the wall time after which no run begins; 0 is no limit.
	Budget time.Duration
}

// lease is an arm with seeds that one worker runs one after the other.
type lease struct {
	job   int // number by which the source knows the arm
	arm   *campaign.Arm
	seeds []uint64
}

// source decides which runs are made. The loop calls one method at a time.
type source interface {
	// next returns what a worker is to do, while idle others wait. It is false when there is nothing for now; it is
	// called again when a worker has done what it had.
	next(idle int) (lease, bool)
	// wanted reports whether a seed of a lease is still to be run.
	wanted(job int, seed uint64) bool
	// done takes what came of a run. An error ends the loop.
	done(o *Outcome) error
}

// Outcome is what came of a run.
type Outcome struct {
	// Job is the number of the job, or of the arm in the plan.
	Job  int
	Seed uint64
	// Record is nil if the run broke twice or was refused. Err says why.
	Record *result.Record
	Err    error
	// First is why the first attempt left no record; nil if it did.
	First error
	// GivenUp says that no further run of the job begins, because of this one.
	GivenUp bool
	// Took is the wall time of the last attempt.
	Took time.Duration

	entry archive.Entry // of the record, where there is an archive
}

// Refused reports whether the kernel refused a value of the scenario.
func (o *Outcome) Refused() bool { return problem.PlaceOf(o.Err) != "" }

// working is a loop while its workers are at work.
type working struct {
	Loop
	source source
	began  time.Time

	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
	all    chan struct{} // closed when no run is to begin any more

	mu    sync.Mutex
	idle  sync.Cond
	hired int // workers that there are
	busy  int // of them, with a lease
	made  bool
	over  bool // the budget is spent
}

// run makes the runs of a source until there are no more. over says that the budget ended it. A context that was
// cancelled is returned as its cause, once the runs that were being made are given up.
func (l Loop) run(ctx context.Context, s source) (over bool, err error) {
	w := &working{Loop: l, source: s, began: time.Now(), all: make(chan struct{})}
	w.idle.L = &w.mu
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.idle.Broadcast()
	})
	defer stop()
	w.cancel = cancel
	if crew, ok := l.Runner.(Crew); ok {
		w.wait.Go(func() { w.follow(ctx, crew) })
	} else {
		w.grow(ctx, l.Workers)
	}
	w.wait.Wait()
	return w.over, context.Cause(ctx)
}

// follow has as many workers as the crew has slots.
func (w *working) follow(ctx context.Context, crew Crew) {
	for {
		n, changed := crew.Slots()
		w.grow(ctx, n)
		select {
		case <-changed:
		case <-w.all:
			return
		case <-ctx.Done():
			return
		}
	}
}

// grow has so many workers, and at least one, which waits for a crew. If that is less than before, some end when they
// have done what they have.
func (w *working) grow(ctx context.Context, workers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Workers = max(workers, 1)
	for ; w.hired < w.Workers && !w.made; w.hired++ {
		w.wait.Go(func() {
			for {
				job, ok := w.take(ctx)
				if !ok {
					return
				}
				if err := w.work(ctx, job); err != nil {
					w.cancel(err)
				}
			}
		})
	}
	w.idle.Broadcast()
}

// take waits for a lease. It is false when none is left, or no run is to begin any more, or there are too many workers.
func (w *working) take(ctx context.Context) (lease, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.made && !w.ended(ctx) && w.hired <= w.Workers {
		if job, ok := w.source.next(max(w.Workers-w.busy-1, 0)); ok {
			w.busy++
			w.idle.Signal() // there may be more
			return job, true
		}
		if w.busy == 0 {
			w.finish()
			break
		}
		w.idle.Wait() // what the others run may bring more
	}
	if w.ended(ctx) {
		w.finish()
	}
	w.hired--
	w.idle.Broadcast()
	return lease{}, false
}

// finish says that no run is to begin any more.
func (w *working) finish() {
	if !w.made {
		w.made = true
		close(w.all)
	}
}

// ended reports whether no run is to begin any more.
func (w *working) ended(ctx context.Context) bool {
	w.over = w.over || w.Budget > 0 && time.Since(w.began) >= w.Budget
	return w.over || ctx.Err() != nil
}

// work runs what is in a lease.
func (w *working) work(ctx context.Context, job lease) error {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy--
		w.idle.Signal()
	}()
	runner := w.Runner
	if crew, ok := w.Runner.(Crew); ok {
		leased, end := crew.Lease(ctx, job.arm, job.seeds)
		defer end()
		runner = leased
	}
	for _, seed := range job.seeds {
		w.mu.Lock()
		ended, wanted := w.ended(ctx), w.source.wanted(job.job, seed)
		w.mu.Unlock()
		if ended {
			return nil
		}
		if !wanted {
			continue
		}
		if err := w.make(ctx, runner, job, seed); err != nil {
			return err
		}
	}
	return nil
}

// make makes one run, a second time if it breaks, and stores its record.
func (w *working) make(ctx context.Context, runner Runner, job lease, seed uint64) error {
	o := &Outcome{Job: job.job, Seed: seed}
	attempt := func() {
		began := time.Now()
		o.Record, o.Err = runner.Run(ctx, job.arm, seed)
		o.Took = time.Since(began)
	}
	attempt()
	if o.First = o.Err; o.Err != nil && ctx.Err() == nil && !o.Refused() {
		attempt()
	}
	if o.Err == nil && w.Archive != nil { // a record that is there is kept, also after an interrupt
		var err error
		if o.entry, err = w.Archive.Append(o.Record); err != nil {
			return err
		}
	}
	if o.Err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.source.done(o)
}

// fail stores a run of which there is no record, if there is an archive.
func (l Loop) fail(arm *campaign.Arm, release string, seed uint64, why error) error {
	if l.Archive == nil {
		return nil
	}
	f := archive.Failed{Scenario: arm.Hash, Kernel: release, Seed: seed}
	f.Failure, f.Because = archive.Broke, "the run broke twice: "+why.Error()
	if problem.PlaceOf(why) != "" {
		f.Failure, f.Because = archive.Refused, "refused for every seed: "+why.Error()
	}
	_, err := l.Archive.Fail(f)
	return err
}
