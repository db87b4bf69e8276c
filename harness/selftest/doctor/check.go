package doctor

import (
	"context"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Status of a check.
type Status string

// Statuses.
const (
	OK      Status = "ok"
	Missing Status = "missing" // something is not there; the hint says how to get it
	Broken  Status = "broken"  // it is there and does not work
)

// Backend that a check is for.
type Backend string

// Backends.
const (
	VM      Backend = "vm"
	Host    Backend = "host"
	Neither Backend = "" // good to know
)

// Check is one thing about this machine.
type Check struct {
	Name   string  `json:"name"`
	For    Backend `json:"for"`
	Status Status  `json:"status"`
	// Detail is what was found: a version, a count, the error.
	Detail string `json:"detail"`
	// Hint is the way to mend it; empty when there is nothing to mend.
	Hint string `json:"hint,omitempty"`
}

// Options of an examination.
type Options struct {
	// Quick leaves out the test whether runs repeat, which boots machines.
	Quick bool
	// Found gets each check as soon as it is done. It may be nil.
	Found func(Check)
	// Progress reports what takes its time. It may be nil.
	Progress func(string)
}

// Examine makes all checks, in the order in which a person would mend things. It
// returns early, with what was found so far, only when ctx is done.
func Examine(ctx context.Context, o Options) ([]Check, error) {
	if o.Found == nil {
		o.Found = func(Check) {}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	e := &examination{Options: o}
	for _, step := range []func(context.Context){
		e.qemu, e.cache, e.kernels, e.boards, e.repeats, e.kvm,
		e.host, e.golang,
	} {
		step(ctx)
		if err := ctx.Err(); err != nil {
			return e.checks, context.Cause(ctx)
		}
	}
	return e.checks, nil
}

// Fit says whether a backend can work, given its checks.
func Fit(backend Backend, checks []Check) bool {
	for _, c := range checks {
		if c.For == backend && c.Status != OK {
			return false
		}
	}
	return true
}

// examination collects checks, and what later ones need of earlier ones.
type examination struct {
	Options
	checks []Check
}

func (e *examination) report(c Check) {
	e.checks = append(e.checks, c)
	e.Found(c)
}

func (e *examination) ok(name string, backend Backend, detail string) {
	e.report(Check{Name: name, For: backend, Status: OK, Detail: detail})
}

// failed reports an error: missing if this machine lacks something, broken otherwise.
func (e *examination) failed(name string, backend Backend, err error, hint string) {
	status := Broken
	if problem.KindOf(err) == problem.Machine {
		status = Missing
	}
	if h := problem.HintOf(err); h != "" {
		hint = h
	}
	e.report(Check{Name: name, For: backend, Status: status, Detail: err.Error(), Hint: hint})
}
