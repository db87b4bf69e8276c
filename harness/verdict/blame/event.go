package blame

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Kind is what an event is about.
type Kind string

// Kinds of events, in the order in which those of one moment are told: a fault chooses, then a packet is another, then
// a sample of what is counted, then one of time or memory.
const (
	ByFault  Kind = "fault"
	ByPacket Kind = "packet"
	ByCount  Kind = "count"
	ByTime   Kind = "time"
)

var order = []Kind{ByFault, ByPacket, ByCount, ByTime}

// Event is something that differs for the first time.
type Event struct {
	// At and To are when, in s after the start of the measured window: a moment, or a sample from At to To.
	At   float64 `json:"at"`
	To   float64 `json:"to"`
	Kind Kind    `json:"kind"`
	What string  `json:"what"`
	A    string  `json:"a"`
	B    string  `json:"b"`
}

// When says when it is.
func (e *Event) When() string {
	if e.To > e.At {
		return quantity.Seconds(e.At) + " to " + quantity.Seconds(e.To)
	}
	return quantity.Seconds(e.At)
}

// Events are what differs first of each fault and series, and the first packet, in the order of time. Packets are those
// of the captured runs.
func (s *Story) Events() []Event {
	list := []Event{}
	for _, c := range s.Faults {
		at := cmp.Or(c.A, c.B)
		if c.A != nil && c.B != nil {
			earlier := min(*c.A, *c.B)
			at = &earlier
		}
		list = append(list, Event{*at, *at, ByFault,
			fmt.Sprintf("%s chooses another packet, after %s that are the same", c.Fault,
				quantity.Plural(int64(c.Same), "choice")), moment(c.A), moment(c.B)})
	}
	if s.Packets != nil && s.Packets.First != nil {
		p := s.Packets.First
		e := Event{At: p.At, To: p.At, Kind: ByPacket, What: p.Point + ": the first packet that differs", A: "none",
			B: "none"}
		if p.A != nil {
			e.A = p.A.String()
		}
		if p.B != nil {
			e.B = p.B.String()
		}
		list = append(list, e)
	}
	for _, p := range s.Parted {
		kind := ByTime
		if p.Counts {
			kind = ByCount
		}
		list = append(list, Event{p.At, p.At + s.Interval, kind, p.Series, p.value(p.A), p.value(p.B)})
	}
	slices.SortStableFunc(list, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), slices.Index(order, a.Kind)-slices.Index(order, b.Kind))
	})
	return list
}

// First says in a line what differs first: of what happens before what takes another time. It is empty if nothing does.
func (s *Story) First() string {
	list := s.Events()
	i := slices.IndexFunc(list, func(e Event) bool { return e.Kind != ByTime })
	if i < 0 {
		i = 0
	}
	var what, a, b string
	switch {
	case len(list) > 0:
		e := list[i]
		if what = "at " + e.When(); e.To > e.At {
			what = "from " + e.When()
		}
		what, a, b = what+", "+e.What, e.A, e.B
	case len(s.Ended) > 0:
		what, a, b = "at the end, "+s.Ended[0].Name, s.Ended[0].A, s.Ended[0].B
	case len(s.Moved) > 0:
		n := &s.Moved[0]
		what, a, b = "at the end, "+n.Name, n.Value(n.A), n.Value(n.B)
	default:
		return ""
	}
	return fmt.Sprintf("%s: %s in A, %s in B", what, a, b)
}
