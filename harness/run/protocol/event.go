package protocol

import (
	"time"

	"github.com/ruleout/ruleout/harness/scenario/describe"
)

// Event is something that happened in a run, reported while it happens.
type Event struct {
	// At is the moment on the run's clock, relative to the start of the measured
	// window and so negative during the warm-up. While that start is not known yet
	// (kinds [Build] and [Start]), At counts from the beginning of the build.
	At time.Duration `json:"at"`
	// Kind is one of the constants below.
	Kind string `json:"kind"`
	// Text says it to a person.
	Text string `json:"text"`
}

// Kinds of events, in the order in which a run goes through them. Those between [Start] and
// [Drain] are planned: they are the moments of the run's plan, and are reported when their time comes.
const (
	Build    = "build"
	Start    = "start"
	Warmup   = describe.Warmup
	Measure  = describe.Measure
	PhaseOn  = describe.PhaseOn
	FaultOn  = describe.FaultOn
	RampOn   = describe.RampOn
	Inject   = describe.Inject
	RampOff  = describe.RampOff
	FaultOff = describe.FaultOff
	PhaseOff = describe.PhaseOff
	Repeats  = describe.Repeats
	Drain    = "drain"
	Done     = "done"
)
