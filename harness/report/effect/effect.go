package effect

import (
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Comparison is what changed around something that acted.
type Comparison struct {
	// Names of the faults, or of the load, that acted at these times.
	Names []string `json:"names"`
	// Kind is fault, injection or load.
	Kind string `json:"kind"`
	// Also names others that acted in half of the samples during which this did, or more. What moved may be
	// their doing as well.
	Also []string `json:"also,omitempty"`
	// Windows are in order of time; which of them there are depends on when it acted.
	Windows []Window `json:"windows"`
	// Changes come with the largest first.
	Changes []Change `json:"changes"`
}

// Kinds of what acts.
const (
	Faults    = "fault"
	Injection = "injection"
	Load      = "load"
)

// Change is one figure in each of the windows.
type Change struct {
	// Series of the timeline.
	Series string `json:"series"`
	// Label names the figure to a person: "web: CPU in softirq".
	Label string `json:"label"`
	// About says what it is, in a line.
	About string `json:"about"`
	// Unit is s, 1 or 1/s; Share tells a share of a whole from a count.
	Unit  string `json:"unit"`
	Share bool   `json:"share,omitempty"`
	// Values are one for each window.
	Values []Value `json:"values"`
	// Factor is how many times larger it was during than when calm; 0 if that cannot be said.
	Factor float64 `json:"factor,omitempty"`

	weight float64
}

// Value of a figure; NaN when the window has none, which is null in JSON.
type Value float64

// MarshalJSON writes null for NaN.
func (v Value) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(v))
}

// Notable says whether the figure was clearly another one: by half at least, beyond what rounding and chance
// move a small number by.
func (c *Change) Notable() bool { return c.weight >= math.Log(1.5) }

// String writes a value of the change with its unit.
func (c *Change) String(i int) string {
	return metric.Metric{Unit: c.Unit, Share: c.Share}.Format(float64(c.Values[i]))
}

// Of compares the windows of a record around each of its faults, and of its loads that have times of their own beside
// one that has not.
// Faults that act at the same times are compared together. It returns nothing for a record without a timeline.
func Of(r *result.Record, s *scenario.Scenario) []Comparison {
	g := grid{interval: r.Timeline.Interval}
	for _, values := range r.Timeline.Series {
		g.n = max(g.n, len(values))
	}
	if g.interval <= 0 || g.n == 0 {
		return nil
	}
	actors := g.actors(s)
	busy := make([]int, g.n) // how many act in each sample
	for _, a := range actors {
		for i := range busy {
			if a.disturbs(i) {
				busy[i]++
			}
		}
	}
	var list []Comparison
	for _, a := range actors {
		calm := func(i int) bool { return busy[i] == 0 || busy[i] == 1 && a.disturbs(i) }
		c := Comparison{Names: a.names, Kind: a.kind, Windows: g.windows(a, calm)}
		if len(c.Windows) >= 2 && (a.kind != Load || !a.usual) {
			c.Changes = g.changes(r, c.Windows, a.once)
			c.Also = also(a, actors, c.Windows)
			list = append(list, c)
		}
	}
	return list
}

// also finds the others that act while a does. Samples after an injection are calm, or do not count.
func also(a *actor, actors []*actor, windows []Window) (names []string) {
	for _, b := range actors {
		if a == b || b.usual {
			continue
		}
		both, all := 0, 0
		for _, w := range windows {
			if w.Name != During {
				continue
			}
			all += len(w.samples)
			for _, i := range w.samples {
				if b.disturbs(i) {
					both++
				}
			}
		}
		if all > 0 && 2*both >= all {
			names = append(names, b.names...)
		}
	}
	return names
}

// actors of a scenario, faults first.
func (g grid) actors(s *scenario.Scenario) []*actor {
	var list []*actor
	for i := range s.Faults {
		f := &s.Faults[i]
		if f.Do.Watch {
			continue // it does nothing
		}
		spans, _ := f.Spans(s.Duration, mostSpans)
		a := &actor{names: []string{f.Name}, kind: Faults, spans: spans, once: f.Do.Inject != nil}
		if a.once {
			a.kind = Injection
		}
		same := slices.IndexFunc(list, func(b *actor) bool { return a.kind == b.kind && slices.Equal(a.spans, b.spans) })
		if same >= 0 {
			list[same].names = append(list[same].names, f.Name)
			continue
		}
		list = append(list, a)
	}
	usual := slices.ContainsFunc(s.Load, func(t scenario.Traffic) bool { return t.HTTP != nil && t.HTTP.At == nil })
	for i := range s.Load {
		h := s.Load[i].HTTP
		if h == nil || h.At == nil || !usual {
			continue // without a usual load, there is nothing that this one could change
		}
		span := scenario.Span{From: *h.At, To: *h.At + h.For}
		list = append(list, &actor{names: []string{s.Load[i].From + " → " + s.Load[i].To}, kind: Load,
			spans: []scenario.Span{span}})
	}
	for _, a := range list {
		g.place(a)
	}
	return list
}

// changes computes all figures of the series that there are.
func (g grid) changes(r *result.Record, windows []Window, once bool) []Change {
	var list []Change
	for name, values := range r.Timeline.Series {
		node, rest, _ := strings.Cut(name, ".")
		if node == "machine" {
			continue
		}
		for _, f := range figures {
			if f.series != name && (f.series != "NODE."+rest || node == "http") {
				continue
			}
			c := Change{Series: name, Label: strings.ReplaceAll(f.label, "NODE", node), About: f.about,
				Unit: f.unit, Share: f.share}
			for _, w := range windows {
				c.Values = append(c.Values, Value(f.take(sampled(r, f, values, w.samples), g.interval)))
			}
			c.weigh(f, windows, once)
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].weight != list[j].weight {
			return list[i].weight > list[j].weight
		}
		return list[i].Label < list[j].Label
	})
	return list
}

// weigh compares what was during (after, for an injection) with what was when calm.
func (c *Change) weigh(f figure, windows []Window, once bool) {
	treated, calm := math.NaN(), math.NaN()
	var a, b Window
	for i, w := range windows {
		v := float64(c.Values[i])
		switch {
		case w.Name == During || once && w.Name != Before:
			if math.IsNaN(treated) {
				treated, a = v, w
			}
		case math.IsNaN(calm):
			calm, b = v, w
		}
	}
	if math.IsNaN(treated) || math.IsNaN(calm) {
		return
	}
	floor := f.noise(a, b)
	c.weight = math.Abs(math.Log((treated + floor) / (calm + floor)))
	if calm > 0 {
		c.Factor = math.Round(treated/calm*100) / 100
	}
}
