package describe

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Moment is something that is planned for a time.
type Moment struct {
	// At is relative to the start of the measured window; negative in the warm-up.
	At time.Duration
	// Kind is one of the constants below.
	Kind string
	// Text says it to a person. Of fault-on, fault-off and inject the fault's name comes first, of phase-on and
	// phase-off the phase's.
	Text string
}

// Kinds of moments, of which [Warmup] and [Measure] come once each.
const (
	Warmup   = "warmup"
	Measure  = "measure"
	PhaseOn  = "phase-on"
	PhaseOff = "phase-off"
	FaultOn  = "fault-on"
	FaultOff = "fault-off"
	Inject   = "inject"
	RampOn   = "ramp-on"
	RampOff  = "ramp-off"
	Repeats  = "repeats"
)

// mostRepetitions of a fault are moments of their own. What comes after is summed up in one.
const mostRepetitions = 20

// Moments lists what a scenario says will happen, in order of time. What ends with the
// run has no end of its own.
func Moments(s *scenario.Scenario) []Moment {
	list := []Moment{
		{-time.Duration(s.Warmup), Warmup, fmt.Sprintf("load begins; measuring in %s", s.Warmup)},
		{0, Measure, fmt.Sprintf("measuring for %s", s.Duration)},
	}
	if s.Warmup == 0 {
		list = list[1:]
	}
	for _, name := range PhaseNames(s) {
		p := s.Phases[name]
		list = append(list, Moment{time.Duration(p.At), PhaseOn, name})
		if end := p.At + p.For; p.For != 0 && end < s.Duration {
			list = append(list, Moment{time.Duration(end), PhaseOff, name})
		}
	}
	for i := range s.Faults {
		list = append(list, momentsOf(s, &s.Faults[i])...)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].At < list[j].At })
	return list
}

// PhaseNames lists the phases in the order in which they begin.
func PhaseNames(s *scenario.Scenario) []string {
	names := make([]string, 0, len(s.Phases))
	for name := range s.Phases {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if s.Phases[a].At != s.Phases[b].At {
			return int(min(max(s.Phases[a].At-s.Phases[b].At, -1), 1))
		}
		if a < b {
			return -1
		}
		return 1
	})
	return names
}

func momentsOf(s *scenario.Scenario, f *scenario.Fault) (list []Moment) {
	spans, more := f.Spans(s.Duration, mostRepetitions)
	for n, span := range spans {
		at := time.Duration(span.From)
		name := f.Name
		if len(spans) > 1 {
			name += nth(s, f, n+1)
		}
		if f.Do.Inject != nil {
			list = append(list, Moment{at, Inject, name + ": " + Fault(f)})
			continue
		}
		list = append(list, Moment{at, FaultOn, name})
		if f.Ramp != nil {
			list = append(list, momentsOfRamp(s, f, at)...)
		}
		if span.To < s.Duration {
			list = append(list, Moment{time.Duration(span.To), FaultOff, name})
		}
	}
	if more {
		left := f.Repetitions(s.Duration) - int64(len(spans))
		next := spans[len(spans)-1].From + f.Every
		list = append(list, Moment{time.Duration(next), Repeats, fmt.Sprintf("%s: %s more, every %s, not listed one by one",
			f.Name, quantity.Plural(left, "time"), Duration(f.Every))})
	}
	return list
}

// nth says which of how many repetitions it is.
func nth(s *scenario.Scenario, f *scenario.Fault, n int) string {
	return fmt.Sprintf(" (%d of %s)", n, quantity.Count(f.Repetitions(s.Duration)))
}

// momentsOfRamp is the beginning and the end of the ramp of a fault that goes on.
func momentsOfRamp(s *scenario.Scenario, f *scenario.Fault, on time.Duration) []Moment {
	what, from, to, _ := RampValues(f)
	list := []Moment{{on, RampOn, fmt.Sprintf("%s: %s from %s to %s in %d steps over %s", f.Name, what, from, to,
		f.Ramp.Steps, Duration(f.Ramp.Over))}}
	if end := on + time.Duration(f.Ramp.Over); end < time.Duration(s.Duration) {
		list = append(list, Moment{end, RampOff, fmt.Sprintf("%s: %s stays at %s", f.Name, what, to)})
	}
	return list
}
