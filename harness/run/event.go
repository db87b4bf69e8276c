package run

import "time"

// Event is something that happened in a run, told while it happens.
type Event struct {
	// At is the moment on the run's clock, relative to the start of the measured
	// window: negative during the build and the warm-up.
	At time.Duration `json:"at"`
	// Kind is one of the constants below.
	Kind string `json:"kind"`
	// Text says it to a person.
	Text string `json:"text"`
}

// Kinds of events, in the order in which a run goes through them.
const (
	Build    = "build"
	Start    = "start"
	Warmup   = "warmup"
	Measure  = "measure"
	FaultOn  = "fault-on"
	FaultOff = "fault-off"
	Drain    = "drain"
	Done     = "done"
)
