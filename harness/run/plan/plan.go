package plan

import (
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Plan is what a run of a scenario with a seed would do. Times are in seconds, relative to
// the start of the measured window, and negative in the warm-up.
type Plan struct {
	Scenario string  `json:"scenario"`
	Hash     string  `json:"hash"`
	About    string  `json:"about,omitempty"`
	Source   string  `json:"source,omitempty"`
	Seed     uint64  `json:"seed"`
	Warmup   float64 `json:"warmup"`   // s
	Duration float64 `json:"duration"` // s

	Nodes   []Node   `json:"nodes"`
	Links   []Link   `json:"links"`
	Load    []Load   `json:"load"`
	Phases  []Phase  `json:"phases"`
	Faults  []Fault  `json:"faults"`
	Moments []Event  `json:"timeline"`
	Expect  []string `json:"expect"`
	Cost    Cost     `json:"estimate"`

	arrivals [][]int64 // of each load, in ns
}

// Node is a node and what it does, in words.
type Node struct {
	Name string `json:"name"`
	Does string `json:"does,omitempty"`
}

// Link is a link and its properties.
type Link struct {
	Between [2]string `json:"between"`
	Delay   float64   `json:"delay"`          // s, one way
	Rate    uint64    `json:"rate,omitempty"` // bit/s; 0 is as fast as the machine can
	MTU     int       `json:"mtu"`
	Queue   int       `json:"queue,omitempty"` // packets; 0 is large enough
	// Waiting says how packets wait for the rate: the queue's length and its discipline, in words; "" is in a queue that
	// is large enough, in their order.
	Waiting string `json:"waiting,omitempty"`
	// Profile is the kind of line whose figures stand in for those that the scenario does not state, or "".
	Profile string `json:"profile,omitempty"`
	// Back is the link for packets from its second end, where that differs.
	Back *Link `json:"back,omitempty"`
}

// newLink is a link, or for one of its directions.
func newLink(l *scenario.Link) Link {
	return Link{Between: l.Between, Delay: seconds(l.Delay), Rate: uint64(l.Rate), MTU: l.MTU, Queue: l.Queue,
		Waiting: describe.Queue(l), Profile: string(l.Profile)}
}

// Load is what one generator would send.
type Load struct {
	From     string  `json:"from"`
	To       string  `json:"to"`
	Does     string  `json:"does"`
	Begin    float64 `json:"begin"`    // s
	End      float64 `json:"end"`      // s
	Requests int64   `json:"requests"` // in all
	Measured int64   `json:"measured"` // of them, those in the measured window
	// Note is what to know besides.
	Note string `json:"note,omitempty"`
}

// Phase is a named span.
type Phase struct {
	Name string   `json:"name"`
	From float64  `json:"from"`         // s
	To   *float64 `json:"to,omitempty"` // s; missing when it ends with the run
}

// Fault is a fault and when it acts.
type Fault struct {
	Name  string    `json:"name"`
	Link  [2]string `json:"link"`
	Node  string    `json:"node,omitempty"` // on which it acts, if on no link
	From  string    `json:"from,omitempty"`
	Does  string    `json:"does"`
	When  string    `json:"when"`
	Times int64     `json:"times"`          // how often in all
	Spans []Phase   `json:"spans"`          // the first of them; names are empty
	Ramp  []Step    `json:"ramp,omitempty"` // of each repetition, relative to its beginning
	Forge []string  `json:"forge,omitempty"`
	// Watches is whether it only counts.
	Watches bool `json:"watches,omitempty"`

	fault *scenario.Fault
}

// Step is a value of a ramp.
type Step struct {
	After float64 `json:"after"` // s from the beginning of the fault
	Value string  `json:"value"`
}

// Event is a moment in the JSON form.
type Event struct {
	At   float64 `json:"at"` // s
	Kind string  `json:"kind"`
	Text string  `json:"text"`
}

// mostSpans of a fault are listed.
const mostSpans = 100

// New makes the plan of a run.
func New(s *scenario.Scenario, seed uint64) *Plan {
	p := &Plan{
		Scenario: s.Name, Hash: s.Hash(), About: s.About, Source: s.Source, Seed: seed,
		Warmup: seconds(s.Warmup), Duration: seconds(s.Duration),
		Nodes: []Node{}, Links: []Link{}, Load: []Load{}, Phases: []Phase{}, Faults: []Fault{}, Expect: []string{},
	}
	for _, name := range nodeNames(s) {
		p.Nodes = append(p.Nodes, Node{name, describe.Node(s.Nodes[name])})
	}
	for i := range s.Links {
		l := &s.Links[i]
		link := newLink(l)
		if l.Back != nil {
			there := l.Direction(1)
			back := newLink(&there)
			link.Back = &back
		}
		p.Links = append(p.Links, link)
	}
	p.loads(s, seed)
	for _, name := range describe.PhaseNames(s) {
		ph := s.Phases[name]
		p.Phases = append(p.Phases, phase(name, ph.At, ph.At+ph.For, ph.For == 0))
	}
	for i := range s.Faults {
		p.Faults = append(p.Faults, newFault(s, &s.Faults[i]))
	}
	for _, m := range describe.Moments(s) {
		p.Moments = append(p.Moments, Event{m.At.Seconds(), m.Kind, m.Text})
	}
	for _, e := range s.Expect {
		p.Expect = append(p.Expect, string(e))
	}
	p.Cost = p.cost(s)
	return p
}

func (p *Plan) loads(s *scenario.Scenario, seed uint64) {
	for i := range s.Load {
		schedule := arrival.Of(s, i)
		arrivals := arrival.Plan(schedule, seed, i)
		first, _ := slices.BinarySearch(arrivals, 0)
		p.arrivals = append(p.arrivals, arrivals)
		begin, end := schedule.From.Seconds(), schedule.To.Seconds()
		if client := s.Load[i].Exec; client != nil {
			begin, end = p.span(client)
		}
		p.Load = append(p.Load, Load{
			From: s.Load[i].From, To: s.Load[i].To, Does: describe.Load(&s.Load[i]),
			Begin: begin, End: end, Note: describe.Fragments(s, &s.Load[i]),
			Requests: int64(len(arrivals)), Measured: int64(len(arrivals) - first),
		})
	}
}

// span is the time in which a program runs that is load, if it does not end by itself.
func (p *Plan) span(client *scenario.Program) (begin, end float64) {
	end = p.Duration
	if client.At != nil {
		begin = seconds(*client.At)
	}
	if client.For > 0 {
		end = min(end, begin+seconds(client.For))
	}
	return begin, end
}

func newFault(s *scenario.Scenario, f *scenario.Fault) Fault {
	out := Fault{
		Name: f.Name, Link: f.Link, Node: f.Node, From: f.From, Does: describe.Fault(f), When: describe.When(f),
		Times: f.Repetitions(s.Duration), Watches: f.Do.Watch, fault: f,
	}
	spans, _ := f.Spans(s.Duration, mostSpans)
	for _, span := range spans {
		out.Spans = append(out.Spans, phase("", span.From, span.To, span.To >= s.Duration))
	}
	if f.Ramp != nil {
		for i := range f.Ramp.Steps {
			out.Ramp = append(out.Ramp, Step{seconds(f.Ramp.Begins(i)), stepValue(f, i)})
		}
	}
	if f.Do.Inject != nil {
		for i := range f.Do.Inject.Segments {
			out.Forge = append(out.Forge, describe.Segment(&f.Do.Inject.Segments[i]))
		}
	}
	return out
}

// stepValue is the value of a ramp's step in words, with the digits of a number that was computed.
func stepValue(f *scenario.Fault, i int) string {
	r := f.Ramp
	switch {
	case r.Chance != nil:
		from := scenario.Share(1)
		if f.Select.Chance != nil {
			from = *f.Select.Chance
		}
		return quantity.Exact(quantity.Share(float64(r.ChanceAt(from, i))))
	case r.Delay > 0:
		return quantity.Exact(quantity.Seconds(seconds(r.DelayAt(f.Do.Delay, i))))
	default:
		return quantity.Exact(quantity.Rate(float64(r.RateAt(f.Do.Rate, i))))
	}
}

func phase(name string, from, to scenario.Duration, open bool) Phase {
	p := Phase{Name: name, From: seconds(from)}
	if !open {
		end := seconds(to)
		p.To = &end
	}
	return p
}

func nodeNames(s *scenario.Scenario) []string {
	names := make([]string, 0, len(s.Nodes))
	for name := range s.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func seconds(d scenario.Duration) float64 { return float64(d) / 1e9 }

// String returns the two ends.
func (l Link) String() string { return fmt.Sprintf("%s – %s", l.Between[0], l.Between[1]) }

// Begins is when the step does, after the fault: 2.14 s.
func (s Step) Begins() string { return quantity.Exact(quantity.Seconds(s.After)) }
