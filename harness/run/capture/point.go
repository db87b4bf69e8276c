package capture

import (
	"fmt"
	"strconv"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

// Kind is what a point sees.
type Kind int

// Kinds of points.
const (
	// Sent sees what the node at the beginning puts on the wire.
	Sent Kind = iota
	// Received sees what reaches the node at the end.
	Received
	// Touched sees what a fault has chosen, before it acts.
	Touched
)

// Point is a place on a wire at which packets are captured.
type Point struct {
	Kind Kind
	// Side of the link from which the packets come, 0 or 1; From and To are its ends.
	Side     int
	From, To string
	// Fault is the index of the fault in the scenario, for [Touched].
	Fault int
	fault *scenario.Fault
}

// Points lists the points of a link in the order in which they are numbered: for each direction where
// packets are sent, where they are received, and the faults in the order of the file.
func Points(s *scenario.Scenario, link int) []Point {
	var list []Point
	ends := s.Links[link].Between
	for side := range 2 {
		from, to := ends[side], ends[1-side]
		list = append(list, Point{Kind: Sent, Side: side, From: from, To: to},
			Point{Kind: Received, Side: side, From: from, To: to})
		for i := range s.Faults {
			f := &s.Faults[i]
			if (f.Link == ends || f.Link == [2]string{ends[1], ends[0]}) && touches(f, from) {
				list = append(list, Point{Kind: Touched, Side: side, From: from, To: to, Fault: i, fault: f})
			}
		}
	}
	return list
}

// touches reports whether a fault of a link touches packets that come from this end, or makes some up: messages about
// packets that are too long go the other way.
func touches(f *scenario.Fault, from string) bool {
	return !f.Do.Down && (f.From == "" || f.From == from || f.Do.Refuses())
}

// Name is that of the interface in the file.
func (p *Point) Name() string {
	way := p.From + ">" + p.To
	switch p.Kind {
	case Sent:
		return way + " sent"
	case Received:
		return way + " received"
	default:
		return way + " fault " + p.fault.Name
	}
}

// Description says what the point sees, for the name of an interface in a pcapng file.
func (p *Point) Description() string {
	switch p.Kind {
	case Sent:
		return "packets as " + p.From + " puts them on the wire"
	case Received:
		return "packets as they reach " + p.To
	default:
		what := "packets that the fault touches, before it acts: "
		if p.fault.Do.Inject != nil {
			what = "packets that the fault makes up: "
		}
		return what + describe.Fault(p.fault)
	}
}

// Comment says what a fault does to a packet, the nth of its kind, or that it has made it up.
func (p *Point) Comment(ordinal uint64, forged bool) string {
	f := p.fault
	switch {
	case forged && f.Do.MTU > 0:
		return f.Name + ": tells the sender of a packet that was too long"
	case forged && f.Do.Reject != "":
		return f.Name + ": tells the sender of a packet that was refused"
	case forged:
		return f.Name + ": forged"
	}
	text := f.Name + ": " + fate(&f.Do, f.Ramp != nil)
	if ordinal == 0 {
		return text
	}
	what := "of its flow"
	if f.Select.Per == scenario.PerLink {
		what = "in this direction"
	}
	return fmt.Sprintf("%s (packet %s %s)", text, strconv.FormatUint(ordinal, 10), what)
}

// fate is what an action does to one packet. A value that a ramp changes is not reported, since
// the packet does not say which step it met.
func fate(a *scenario.Action, ramp bool) string {
	held := func(d scenario.Duration) string {
		if ramp {
			return "held back"
		}
		return "held back for " + describe.Duration(d)
	}
	switch a.Kind() {
	case "watch":
		return "seen"
	case "drop":
		return "lost"
	case "delay":
		if a.Jitter > 0 {
			return held(a.Delay) + " ± " + describe.Duration(a.Jitter)
		}
		return held(a.Delay)
	case "delays":
		return "held back"
	case "reorder":
		return held(a.Reorder)
	case "duplicate":
		if a.Duplicate == 1 {
			return "1 copy"
		}
		return fmt.Sprintf("%d copies", a.Duplicate)
	case "corrupt":
		return "one bit flipped"
	case "mark":
		return "marked with CE"
	case "reject":
		return "lost, and answered by " + describe.Answer(a.Reject)
	case "rate":
		if ramp {
			return "through a bottleneck"
		}
		return "through a bottleneck of " + describe.Rate(a.Rate)
	case "slot":
		return "waits for a slot"
	case "loss":
		return "given to the loss model"
	case "mtu":
		if a.Silent {
			return fmt.Sprintf("longer than %d B, lost without a word", a.MTU)
		}
		return fmt.Sprintf("longer than %d B, lost, and reported to its sender", a.MTU)
	}
	return "touched"
}
