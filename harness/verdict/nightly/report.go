package nightly

import (
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Outcome is what became of a scenario on a kernel.
type Outcome string

// Outcomes.
const (
	// Identical: every digest is that of the baseline.
	Identical Outcome = "identical"
	// Compared: some differ, and the detector has looked at all series.
	Compared Outcome = "compared"
	// Unstable: the same build, kernel, scenario and seed gave two digests.
	Unstable Outcome = "not repeatable"
	// Changed: the scenario is another one than the baseline's.
	Changed Outcome = "scenario changed"
	// Unknown: there is no baseline.
	Unknown Outcome = "no baseline"
	// Missing: nothing was run.
	Missing Outcome = "not run"
)

// outcomes in the order in which they are reported.
var outcomes = []Outcome{Identical, Compared, Unstable, Changed, Unknown, Missing}

// Report is what there is to say about a night.
type Report struct {
	Plan
	// Series there are in the baseline, and Bar is what R has to reach, for one false alarm in Nights nights.
	Series int     `json:"series"`
	Nights int     `json:"nights"`
	Bar    float64 `json:"bar"`
	// StateLost says why the evidence of the nights before is not there, if it is not.
	StateLost string  `json:"state_lost,omitempty"`
	Places    []Place `json:"places"`
	// Differences are digests that should have been equal.
	Differences []Difference `json:"differences"`
	// Alarms are the series whose evidence has reached the bar, Rising those with more than there was to begin with; the
	// strongest first.
	Alarms []Alarm `json:"alarms"`
	Rising []Alarm `json:"rising"`
	// Lost are the series for which too many seeds gave no pair.
	Lost []Alarm `json:"lost"`
}

// Place is a scenario on a kernel.
type Place struct {
	Scenario string  `json:"scenario"`
	Kernel   string  `json:"kernel"`
	Outcome  Outcome `json:"outcome"`
	// Before is what the baseline was made with, Now tonight's runs.
	Before Head `json:"before"`
	Now    Head `json:"now"`
	// Seeds were looked at; of these, Identical had the digest of the baseline, Broken left no record, and Invalid
	// were not valid.
	Seeds     int    `json:"seeds"`
	Identical int    `json:"identical"`
	Broken    int    `json:"broken"`
	Invalid   int    `json:"invalid"`
	Because   string `json:"because,omitempty"`
	// Counted says that the state has the night.
	Counted bool `json:"counted"`
}

// Difference is a digest that should have been another one.
type Difference struct {
	Scenario string `json:"scenario"`
	Kernel   string `json:"kernel"`
	Seed     uint64 `json:"seed"`
	From     string `json:"from"` // the baseline, or an earlier night
	Want     string `json:"want"`
	Got      string `json:"got"`
	Run      string `json:"run"`
}

// Alarm is the state of a series, with tonight's part of it.
type Alarm struct {
	Scenario string `json:"scenario"`
	Kernel   string `json:"kernel"`
	Metric   string `json:"metric"`
	// R is the evidence, Before what it was in the evening, Since the night from which on it has been above 1.
	R      float64 `json:"r"`
	Before float64 `json:"before"`
	Since  string  `json:"since,omitempty"`
	// Base and Tonight are the means of tonight's seeds, as far as they have the metric; null if none has.
	Base    value           `json:"base"`
	Tonight value           `json:"tonight"`
	Verdict verdict.Verdict `json:"verdict"`
	// Run and Seed are of the pair that differs most.
	Run  string `json:"run"`
	Seed uint64 `json:"seed"`
}

// count returns how many places had an outcome.
func (r *Report) count(o Outcome) (n int) {
	for _, p := range r.Places {
		if p.Outcome == o {
			n++
		}
	}
	return n
}

// place finds a place.
func (r *Report) place(scenario, kernel string) *Place {
	i := slices.IndexFunc(r.Places, func(p Place) bool { return p.Scenario == scenario && p.Kernel == kernel })
	return &r.Places[i]
}

// spoilt counts the places with runs that broke or were invalid.
func (r *Report) spoilt() (n int) {
	for _, p := range r.Places {
		if p.Broken+p.Invalid > 0 {
			n++
		}
	}
	return n
}

// Status is the exit status that a night stands for: 0 nothing has to be done. What is worst counts.
func (r *Report) Status() int {
	switch {
	case len(r.Differences) > 0:
		return int(problem.Invalid)
	case len(r.Alarms) > 0:
		return 1
	case r.spoilt() > 0 || len(r.Lost) > 0:
		return int(problem.Invalid)
	case r.count(Missing) > 0:
		return int(problem.Machine)
	case r.count(Changed)+r.count(Unknown) > 0:
		return int(problem.Usage)
	}
	return 0
}
