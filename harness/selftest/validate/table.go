package validate

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Verdict on one case and one kernel.
type Verdict string

// Verdicts.
const (
	// Agrees says that the run met all that the source says.
	Agrees Verdict = "agrees"
	// Disagrees says that it did not.
	Disagrees Verdict = "disagrees"
	// Invalid says that the run shows nothing either way.
	Invalid Verdict = "invalid"
	// Failed says that there was no record.
	Failed Verdict = "failed"
	// LeftOut says that the case has no meaning on the kernel.
	LeftOut Verdict = "left out"
)

// Outcome is what came of a case on a kernel.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	// Because says why a run was invalid, failed or left out.
	Because string `json:"because,omitempty"`
	// Measured is, for each of the scenario's expectations, the value of its left-hand side.
	Measured []Measurement `json:"measured,omitempty"`

	records []*result.Record
}

// Records of the runs, also where another run of the case failed.
func (o *Outcome) Records() []*result.Record { return o.records }

// Measurement is one expectation as a run met it.
type Measurement struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"` // in the unit of the metric
}

// Row is one case.
type Row struct {
	Name     string     `json:"name"`
	File     string     `json:"file"`
	About    string     `json:"about"`
	Source   string     `json:"source"`
	Change   string     `json:"change,omitempty"`  // what was changed so that the case must fail
	Seeds    int        `json:"seeds"`             // runs that are judged together
	Differs  string     `json:"differs,omitempty"` // what the case says of kernels that do otherwise
	Expected []string   `json:"expected"`          // the expectations as they are written
	Outcomes []*Outcome `json:"outcomes"`          // one for each kernel
}

// Table is what came of all cases on all kernels.
type Table struct {
	Kernels []string `json:"kernels"` // releases
	Seed    uint64   `json:"seed"`
	Rows    []*Row   `json:"rows"`
}

func newTable(cases []Case, kernels []Kernel, seed uint64) *Table {
	t := &Table{Seed: seed}
	for _, k := range kernels {
		t.Kernels = append(t.Kernels, k.Release)
	}
	for _, c := range cases {
		row := &Row{Name: c.Scenario.Name, File: c.Path, About: oneLine(c.Scenario.About), Source: oneLine(c.Scenario.Source),
			Seeds: seeds(c.Scenario), Differs: c.Differs, Change: c.Change, Outcomes: make([]*Outcome, len(kernels))}
		for _, e := range c.Scenario.Expect {
			row.Expected = append(row.Expected, string(e))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// judge holds the runs together against what the scenario expects, unless one failed.
func (o *Outcome) judge(s *scenario.Scenario) {
	if o.Verdict = Failed; o.Because != "" {
		return
	}
	o.Verdict = Agrees
	for _, e := range pooled(s, o.records) {
		o.Measured = append(o.Measured, Measurement{OK: e.OK, Text: report.Expected(o.records[0], e)})
		if !e.OK {
			o.Verdict = Disagrees
		}
	}
	for _, r := range o.records {
		if r.Valid || len(o.records) > 1 && onlyByChance(r) {
			continue
		}
		because := r.InvalidBecause.String()
		if len(o.records) > 1 {
			because = fmt.Sprintf("seed %d: %s", r.Seed, because)
		}
		o.Verdict, o.Because = Invalid, because
		break
	}
}

// Verdict on a case over all kernels: the worst one. A case that was left out everywhere is left out.
func (r *Row) Verdict() Verdict {
	worst := LeftOut
	for _, v := range []Verdict{Agrees, Disagrees, Invalid, Failed} { // from good to bad
		for _, o := range r.Outcomes {
			if o != nil && o.Verdict == v {
				worst = v
			}
		}
	}
	return worst
}

// Count returns how many cases have each verdict.
func (t *Table) Count() map[Verdict]int {
	n := map[Verdict]int{}
	for _, r := range t.Rows {
		n[r.Verdict()]++
	}
	return n
}

// Missed lists the cases that agreed with their sources on some kernel although they were broken.
func (t *Table) Missed() (names []string) {
	for _, r := range t.Rows {
		for i, o := range r.Outcomes {
			if r.Change != "" && o.Verdict == Agrees {
				names = append(names, fmt.Sprintf("%s on %s, with %s", r.Name, Short(t.Kernels[i]), r.Change))
			}
		}
	}
	return names
}
