package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Event is something at a time: what the scenario planned, a series that left its calm range, or the end of a program.
type Event struct {
	// From and To are s after the start of the measured window; equal for a moment. A series left its range between.
	From float64 `json:"from"`
	To   float64 `json:"to"`
	// Kind is one of the constants below.
	Kind string `json:"kind"`
	// Place is a node, clients, machine, a link or a fault's queue; empty of marks.
	Place string `json:"place,omitempty"`
	// Text says it in words.
	Text string `json:"text"`
	// Departure of a series.
	*Departure `json:",omitempty"`
	// Output is the last that a program wrote.
	Output []result.Line `json:"output,omitempty"`
}

// Kinds of events.
const (
	Mark    = "mark"    // of the scenario
	Series  = "series"  // left its calm range
	Program = "program" // ended otherwise than in the twin
)

// Departure is how a series left its calm range.
type Departure struct {
	Series string `json:"series"`
	Unit   string `json:"unit"`
	Share  bool   `json:"share,omitempty"`
	// Value is that of the first sample or block that is out, Twin that of the twin there, Low and High the calm range.
	Value effect.Value `json:"value"`
	Twin  effect.Value `json:"twin"`
	Low   effect.Value `json:"low"`
	High  effect.Value `json:"high"`
	// Out is how many samples or blocks are out, Of how many there are, Until the end of the last that is out.
	Out   int     `json:"out"`
	Of    int     `json:"of"`
	Until float64 `json:"until"`
	// Extreme is the value farthest out, ExtremeAt the beginning of its sample or block.
	Extreme   effect.Value `json:"extreme"`
	ExtremeAt float64      `json:"extreme_at"`

	weight float64
}

// before is the order of time. A sample is over when it can be said that it is out, so what was planned for its
// beginning comes before it.
func (e *Event) before(o *Event) bool {
	switch {
	case math.Abs(e.To-o.To) > 1e-9:
		return e.To < o.To
	case (e.Kind == Series) != (o.Kind == Series):
		return e.Kind == Series
	case e.Departure != nil && o.Departure != nil:
		return e.weight > o.weight
	}
	return false
}

// departure says when and how a series of the record left its calm range, if it did.
func (v *view) departure(name string) (Event, bool) {
	place, f := seriesOf(name)
	var best *Event
	for _, width := range []int{1, v.width} {
		if width != 1 && (width < 4 || strings.HasSuffix(name, "latency.max")) {
			continue // a block is no better than a sample, or would average what is an extreme
		}
		length := float64(width) * v.interval
		var all [][]float64
		for i := range v.records {
			all = append(all, blocks(v.values(i, name, f), width, v.act, f.Events))
		}
		x, b := v.look(all, width, floor(f))
		if x.count == 0 {
			continue
		}
		offset := float64(v.act%width) * v.interval
		at := func(i int) float64 { return round(offset + float64(i)*length) }
		d := &Departure{Series: name, Unit: f.Unit, Share: f.Share, Out: x.count, Of: len(all[0]), Until: at(x.last + 1),
			Value: effect.Value(all[0][x.first]), Twin: effect.Value(math.NaN()),
			Low: effect.Value(b.low[x.first]), High: effect.Value(b.high[x.first]),
			Extreme: effect.Value(all[0][x.extreme]), ExtremeAt: at(x.extreme), weight: x.weight}
		if len(all) > 1 && x.first < len(all[1]) {
			d.Twin = effect.Value(all[1][x.first])
		}
		e := &Event{From: at(x.first), To: at(x.first + 1), Kind: Series, Place: place, Text: f.Label, Departure: d}
		if f.Events {
			e.Text += " in " + quantity.Exact(quantity.Seconds(length))
		} else if width != 1 {
			e.Text += ", mean of " + quantity.Exact(quantity.Seconds(length))
		}
		if best == nil || e.To < best.To-1e-9 {
			best = e
		}
	}
	if best == nil {
		return Event{}, false
	}
	return *best, true
}

// look finds where the first of the series is out of the range of the others or, if it is alone, of its own samples
// before anything acted.
func (v *view) look(all [][]float64, width int, floor float64) (excursion, band) {
	if len(all) > 1 {
		reach := max(int(math.Round(reachSeconds/v.interval)), leastReach)
		if width > 1 {
			reach = 1
		}
		return tested(all[0], all[1:], reach, floor)
	}
	calm := v.before / width
	if calm < 2 {
		return excursion{}, band{}
	}
	own := bandOf([][]float64{all[0][:min(calm, len(all[0]))]}, calm)
	b := band{low: make([]float64, len(all[0])), high: make([]float64, len(all[0]))}
	for i := range b.low {
		b.low[i], b.high[i] = own.low[0], own.high[0]
	}
	return b.excursion(all[0], floor), b
}

// round takes away what adding up lengths of samples leaves.
func round(seconds float64) float64 { return math.Round(seconds*1e9) / 1e9 }

// marks are what the scenario planned, and when faults chose their first packet.
func marks(r *result.Record, s *scenario.Scenario) []Event {
	var list []Event
	mark := func(at float64, format string, a ...any) {
		list = append(list, Event{From: at, To: at, Kind: Mark, Text: fmt.Sprintf(format, a...)})
	}
	for _, m := range describe.Moments(s) {
		at := m.At.Seconds()
		switch m.Kind {
		case describe.FaultOn:
			mark(at, "fault %s begins", m.Text)
		case describe.FaultOff:
			mark(at, "fault %s ends", m.Text)
		case describe.PhaseOn:
			mark(at, "phase %s begins", m.Text)
		case describe.PhaseOff:
			mark(at, "phase %s ends", m.Text)
		case describe.Inject:
			name, _, _ := strings.Cut(m.Text, ": ")
			mark(at, "fault %s injects", name)
		case describe.RampOn, describe.RampOff, describe.Repeats:
			mark(at, "fault %s", m.Text)
		}
	}
	for i := range s.Load {
		t := &s.Load[i]
		p, ok := t.Pace()
		if !ok || p.At == nil {
			continue
		}
		mark(time.Duration(*p.At).Seconds(), "%s, begins", loadName(t))
		if end := *p.At + p.For; p.For > 0 && end < s.Duration {
			mark(time.Duration(end).Seconds(), "%s, ends", loadName(t))
		}
	}
	for _, f := range r.Faults {
		if len(f.Times) > 0 {
			mark(round(f.Times[0]), "fault %s: first packet", f.Name)
		}
	}
	return list
}

// watches tells a fault that does nothing but count.
func watches(s *scenario.Scenario, name string) bool {
	return slices.ContainsFunc(s.Faults, func(f scenario.Fault) bool { return f.Name == name && f.Do.Watch })
}

// sameEnd is how far apart two ends of a program may be and count as one.
const sameEnd = 0.1

// mostOutput is how many lines a program's last output has.
const mostOutput = 3

// programs are those that ended otherwise than in the twin.
func programs(r, twin *result.Record) (list []Event) {
	for i := range r.Programs {
		p, how := &r.Programs[i], "is not there"
		var q *result.Program
		for j := range twin.Programs {
			if t := &twin.Programs[j]; t.Node == p.Node && t.Name == p.Name {
				q, how = t, t.How()
			}
		}
		if q != nil && p.How() == q.How() && p.Restarts == q.Restarts && near(p.Ended, q.Ended) {
			continue
		}
		e := Event{Kind: Program, Place: p.Node}
		e.Text = fmt.Sprintf("%s %s (calm: %s)", p.Name, p.How(), how)
		if q != nil && p.Ended != nil && q.Ended != nil && p.How() == q.How() {
			e.Text = fmt.Sprintf("%s %s (calm: at %s)", p.Name, p.How(), seconds(*q.Ended))
		}
		if p.Restarts > 0 {
			e.Text += fmt.Sprintf(", started again %s", quantity.Plural(int64(p.Restarts), "time"))
		}
		if p.Ended != nil {
			e.From, e.To = *p.Ended, *p.Ended
		}
		e.Output = p.Output[max(len(p.Output)-mostOutput, 0):]
		list = append(list, e)
	}
	return list
}

func near(a, b *float64) bool {
	return a == nil && b == nil || a != nil && b != nil && math.Abs(*a-*b) <= sameEnd
}
