package explain

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Explanation is the page of a record, for people and programs.
type Explanation struct {
	Record         string         `json:"record,omitempty"` // file
	Scenario       string         `json:"scenario"`
	About          string         `json:"about,omitempty"`
	Seed           uint64         `json:"seed"`
	Kernel         string         `json:"kernel"`
	Digest         string         `json:"digest"`
	Valid          bool           `json:"valid"`
	InvalidBecause result.Reasons `json:"invalid_because"`

	Compared Compared `json:"compared"`
	Faults   []Fault  `json:"faults"`
	// Events are in order of time. What left its range in one interval has no order within it.
	Events []Event `json:"events"`
	// Totals are of the whole measured window, the most telling first.
	Totals []Total `json:"totals"`
	// Chance is absent if there are too few calm runs to say.
	Chance *Chance `json:"chance,omitempty"`
}

// Compared says what the record was compared with.
type Compared struct {
	// With is twin, before (the time before anything acted, in the same run) or nothing.
	With string `json:"with"`
	// Because says why it is not the twin.
	Because string `json:"because,omitempty"`
	// Without is what calm runs lack, in words.
	Without []string `json:"without"`
	// Runs are the calm ones, the twin first.
	Runs []Run `json:"runs"`
	// Until is the end of the time before anything acted, in s, if that is what there is.
	Until float64 `json:"until,omitempty"`
	// Notes are what else a reader has to know about the calm runs.
	Notes []string `json:"notes"`
}

// What a record can be compared with.
const (
	WithTwin    = "twin"
	WithBefore  = "before"
	WithNothing = "nothing"
)

// Run is a calm run.
type Run struct {
	Seed   uint64 `json:"seed"`
	Digest string `json:"digest"`
	File   string `json:"file,omitempty"` // that it was read from; made now, if empty

	record *result.Record
}

// NewRun is a calm run from its record. file is empty if it was made now.
func NewRun(r *result.Record, file string) Run {
	return Run{Seed: r.Seed, Digest: r.Digest, File: file, record: r}
}

// Fault is what a fault was asked to do and what it did.
type Fault struct {
	Name    string         `json:"name"`
	Does    string         `json:"does"`
	When    string         `json:"when"`
	Receipt result.Receipt `json:"receipt"`

	watches bool
}

// Chance says how many figures are out of their range in this run, and in each calm run, held against the others in the
// same way.
type Chance struct {
	Figures int `json:"figures"`
	Here    int `json:"here"`
	Least   int `json:"least"`
	Most    int `json:"most"`
}

// did says what the receipt of a fault proves.
func (f *Fault) did() string {
	r := &f.Receipt
	text := fmt.Sprintf("matched %s, acted on %s, delivered %s, unexplained loss %s",
		quantity.Plural(r.Matched, "packet"), quantity.Count(r.Chosen), quantity.Count(r.Delivered),
		quantity.Count(r.UnexplainedLoss))
	if f.watches {
		text = "saw " + quantity.Plural(r.Matched, "packet")
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		if n := r.Kinds[kind]; n > 0 {
			kinds = append(kinds, quantity.Count(n)+" "+kind)
		}
	}
	if len(kinds) > 0 {
		text += "; of the kinds " + quantity.List(kinds)
	}
	if len(r.Times) > 0 {
		text += fmt.Sprintf("; the first at %s s", strconv.FormatFloat(r.Times[0], 'f', 3, 64))
	}
	return text
}

// leastBefore is how many samples before a fault can stand in for a calm run.
const leastBefore = 5

// New explains a record beside its calm runs. why says why there is no twin, if the runs are none.
func New(r *result.Record, s *scenario.Scenario, runs []Run, why string) *Explanation {
	e := &Explanation{
		Scenario: r.Scenario.Name, About: s.About, Seed: r.Seed, Kernel: r.Provenance.Kernel, Digest: r.Digest,
		Valid: r.Valid, InvalidBecause: append(result.Reasons{}, r.InvalidBecause...),
		Compared: Compared{With: WithTwin, Without: []string{}, Runs: append([]Run{}, runs...), Notes: []string{}},
		Faults:   []Fault{}, Events: []Event{}, Totals: []Total{},
	}
	_, without := Calm(s)
	e.Compared.Without = append(e.Compared.Without, without...)
	for _, receipt := range r.Faults {
		f := Fault{Name: receipt.Name, Receipt: receipt, watches: watches(s, receipt.Name)}
		for i := range s.Faults {
			if s.Faults[i].Name == receipt.Name {
				f.Does, f.When = describe.Fault(&s.Faults[i]), describe.When(&s.Faults[i])
			}
		}
		e.Faults = append(e.Faults, f)
	}
	v := newView(r, s, runs)
	if len(runs) == 0 {
		e.Compared.With, e.Compared.Because, e.Compared.Until = WithBefore, why, float64(v.before)*v.interval
		if v.before < leastBefore {
			e.Compared.With, v.before, e.Compared.Until = WithNothing, 0, 0
		}
	}
	if v.interval == 0 {
		e.Compared.Notes = append(e.Compared.Notes, "the run has no timeline: nothing can be said about the order in time")
	}
	told := v.tell()
	e.Totals = append(e.Totals, told.totals...)
	e.Events = append(marks(r, s), told.events...)
	if len(runs) > 0 {
		e.Events = append(e.Events, programs(r, runs[0].record)...)
		e.Chance = v.chance(told)
	}
	sort.SliceStable(e.Events, func(i, j int) bool { return e.Events[i].before(&e.Events[j]) })
	return e
}

// view is a record and its calm runs, as series are looked at.
type view struct {
	records  []*result.Record // the one that is explained, then the calm ones
	series   []string
	interval float64 // s
	width    int     // samples in a block
	act      int     // sample in which the first thing acts
	before   int     // samples before it, in whole
}

// blockSeconds is the length of a block, reachSeconds how far around a sample its calm range is taken.
const (
	blockSeconds = 1.
	reachSeconds = 0.5
	leastReach   = 2
)

func newView(r *result.Record, s *scenario.Scenario, runs []Run) *view {
	v := &view{records: []*result.Record{r}, interval: r.Timeline.Interval}
	for i := range runs {
		v.records = append(v.records, runs[i].record)
	}
	if v.interval == 0 {
		return v
	}
	for name := range r.Timeline.Series {
		missing := func(other *result.Record) bool { return other.Timeline.Series[name] == nil }
		if !slices.ContainsFunc(v.records, missing) {
			v.series = append(v.series, name)
		}
	}
	slices.Sort(v.series)
	v.width = int(math.Round(blockSeconds / v.interval))
	if begin := beginning(s); begin < math.MaxInt64 {
		v.before = int(float64(begin)/1e9/v.interval + 1e-9)
		v.act = v.before
	}
	return v
}

// beginning is when the first thing acts.
func beginning(s *scenario.Scenario) scenario.Duration {
	first := scenario.Forever
	for i := range s.Faults {
		first = min(first, s.Faults[i].At)
	}
	if len(s.Faults) > 0 {
		return first
	}
	for i := range s.Load {
		if p, ok := s.Load[i].Pace(); ok && p.At != nil {
			first = min(first, *p.At)
		}
	}
	return first
}

// values are the samples of a series in a record, with NaN where it has no value.
func (v *view) values(record int, name string, f effect.Series) []float64 {
	values := v.records[record].Timeline.Series[name]
	if !f.Answered {
		return values
	}
	answered := v.records[record].Timeline.Series["http.completed"]
	values = slices.Clone(values)
	for i := range values {
		if i >= len(answered) || answered[i] == 0 {
			values[i] = math.NaN()
		}
	}
	return values
}

// told is what is out of its range.
type told struct {
	events  []Event
	totals  []Total
	figures int // that were looked at
}

// tell holds the record against the calm ones.
func (v *view) tell() told {
	t := told{figures: len(v.series)}
	for _, name := range v.series {
		if strings.HasSuffix(name, "latency.p99") && v.sameLatency() {
			t.figures--
			continue // it says nothing beyond the slowest answer
		}
		if event, ok := v.departure(name); ok {
			t.events = append(t.events, event)
		}
	}
	if len(v.records) > 1 {
		var n int
		t.totals, n = totals(v.records[0], v.records[1:])
		t.figures += n
	}
	return t
}

// sameLatency says whether samples have so few answers that the slowest is the 99th percentile.
func (v *view) sameLatency() bool {
	s := v.records[0].Timeline.Series
	return slices.Equal(s["http.latency.p99"], s["http.latency.max"])
}

// chance holds each calm run against the others.
func (v *view) chance(here told) *Chance {
	calm := v.records[1:]
	if len(calm) < 3 {
		return nil
	}
	c := &Chance{Figures: here.figures, Here: len(here.events) + len(here.totals), Least: math.MaxInt}
	for i, r := range calm {
		other := *v
		other.records = append([]*result.Record{r}, others(calm, i)...)
		t := other.tell()
		n := len(t.events) + len(t.totals)
		c.Least, c.Most = min(c.Least, n), max(c.Most, n)
	}
	return c
}
