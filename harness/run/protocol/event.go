package protocol

import (
	"time"

	"github.com/ruleout/ruleout/harness/scenario/wording"
)

// Event is something that happened in a run, told while it happens.
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
// [Drain] are planned: they are the moments of the run's plan, and are told when their time comes.
const (
	Build    = "build"
	Start    = "start"
	Warmup   = wording.Warmup
	Measure  = wording.Measure
	PhaseOn  = wording.PhaseOn
	FaultOn  = wording.FaultOn
	RampOn   = wording.RampOn
	Inject   = wording.Inject
	RampOff  = wording.RampOff
	FaultOff = wording.FaultOff
	PhaseOff = wording.PhaseOff
	Repeats  = wording.Repeats
	Drain    = "drain"
	Done     = "done"
)
