package packet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Late is how far apart in time the same packet may come before it is told: what a kernel or a capture costs in CPU
// time is microseconds.
const Late = time.Millisecond

// Comparison is where the captures of two runs part.
type Comparison struct {
	// Dirs have the captures.
	Dirs [2]string `json:"dirs"`
	// Same is how many packets are the same in both before the first that differs, at all points.
	Same int64 `json:"same"`
	// Apart is the most by which one of them comes at another time, in s.
	Apart float64 `json:"apart"`
	// First is the first packet that differs; nil if none does.
	First *Parting `json:"first,omitempty"`
	// Window and Moved are the first packets that differ in the receive window only, and that come at another time by
	// more than [Late], if they come before First.
	Window *Parting `json:"window,omitempty"`
	Moved  *Parting `json:"moved,omitempty"`
	// Notes say what could not be compared.
	Notes []string `json:"notes,omitempty"`
}

// Parting is a packet that differs.
type Parting struct {
	File  string `json:"file"`  // of the link, in both directories
	Point string `json:"point"` // client>edge sent: frame.interface_name of tshark
	// At is when it comes in the run in which it comes earlier, in s after the start of the measured window.
	At float64 `json:"at"`
	// Conversation has client and server, as NODE:PORT, of A and, if they differ, of B. One that a run does not have is
	// empty.
	Conversation [2]string `json:"conversation"`
	// Nth packet of the conversation in this direction at this point, from 1.
	Nth    int     `json:"nth"`
	Fields []Field `json:"fields,omitempty"` // what differs
	// A and B are the packet in both runs; nil where there is none.
	A *Packet `json:"a"`
	B *Packet `json:"b"`
	// Before and After are packets of the conversation that come before and after it at this end of the link.
	Before []Row `json:"before"`
	After  []Row `json:"after"`
}

// Row is packets side by side; one of them may be nil.
type Row struct {
	A    *Packet `json:"a"`
	B    *Packet `json:"b"`
	Same bool    `json:"same"`
}

// Compare compares the captures of two runs. An error of kind Usage says that a file is no capture of its run.
func Compare(a, b Side) (*Comparison, error) {
	sides := [2]Side{a, b}
	var wires [2]map[string]*wire
	var names [2]map[netip.Addr]string
	for i := range sides {
		var err error
		if wires[i], err = sides[i].read(); err != nil {
			return nil, err
		}
		if names[i], err = sides[i].names(); err != nil {
			return nil, err
		}
	}
	c := &comparer{end: max(ends(wires[0]), ends(wires[1]))}
	out := &Comparison{Dirs: [2]string{a.Dir, b.Dir}}
	for i, file := range pcapng.FileNames(a.Scenario) {
		x, y := wires[0][file], wires[1][file]
		if y == nil {
			out.Notes = append(out.Notes, fmt.Sprintf("only A has the link of %s", file))
			continue
		}
		if lost := max(x.dropped, y.dropped); lost > 0 {
			out.Notes = append(out.Notes,
				fmt.Sprintf("%s is cut short: the last %s are missing", file, quantity.Plural(lost, "packet")))
		}
		c.link(i, file, x, y)
	}
	for _, file := range slices.Sorted(maps.Keys(wires[1])) {
		if wires[0][file] == nil {
			out.Notes = append(out.Notes, fmt.Sprintf("only B has the link of %s", file))
		}
	}
	c.fill(out, names)
	return out, nil
}

func ends(wires map[string]*wire) (end time.Duration) {
	for _, w := range wires {
		end = max(end, w.end)
	}
	return end
}

// candidate is a packet that differs, from a list of both runs.
type candidate struct {
	at    time.Duration
	link  int
	file  string
	point *capture.Point
	order int // of the point
	of    [2]*conversation
	key   list
	nth   int // from 0
}

// before tells which of two comes first. What is at the same time has the order of links and points.
func (c *candidate) before(d *candidate) bool {
	switch {
	case d == nil || c.at != d.at:
		return d == nil || c.at < d.at
	case c.link != d.link:
		return c.link < d.link
	case c.order != d.order:
		return c.order < d.order
	case c.key.answers != d.key.answers:
		return d.key.answers
	}
	return c.packets(0) != nil && (d.packets(0) == nil || c.packets(0).frame < d.packets(0).frame)
}

// packets is the packet of one side, nil if there is none.
func (c *candidate) packets(side int) *seen {
	if c.of[side] == nil {
		return nil
	}
	if l := c.of[side].lists[c.key]; c.nth < len(l) {
		return &l[c.nth]
	}
	return nil
}

// equal is two packets that are the same, by their times.
type equal struct{ at, apart time.Duration }

// comparer looks for what comes first.
type comparer struct {
	end                  time.Duration // of both runs
	first, window, moved *candidate
	equals               []equal
}

// link compares what two files of one link have.
func (c *comparer) link(nr int, file string, a, b *wire) {
	limit := c.end - Late
	for _, w := range []*wire{a, b} {
		if w.dropped > 0 {
			limit = min(limit, w.end-Late)
		}
	}
	common := map[string]bool{}
	for i := range b.points {
		common[b.points[i].Name()] = true
	}
	for _, of := range pairs(a.all, b.all) {
		for i := range a.points {
			p := &a.points[i]
			if !common[p.Name()] {
				continue // the fault is of one run only, which is among what was asked
			}
			for _, answers := range []bool{false, true} {
				c.lists(candidate{link: nr, file: file, point: p, order: i, of: of, key: list{p.Name(), answers}}, limit)
			}
		}
	}
}

// lists compares two lists up to the first packet that differs. What only one of them has is compared up to the limit.
func (c *comparer) lists(at candidate, limit time.Duration) {
	keep := func(best **candidate) {
		if at.before(*best) {
			one := at
			*best = &one
		}
	}
	for ; ; at.nth++ {
		a, b := at.packets(0), at.packets(1)
		switch {
		case a == nil && b == nil:
			return
		case a == nil || b == nil:
			if a == nil {
				a = b
			}
			if at.at = a.at; at.at <= limit {
				keep(&c.first)
			}
			return
		}
		at.at = min(a.at, b.at)
		if a.shape != b.shape {
			keep(&c.first)
			return
		}
		apart := max(a.at, b.at) - at.at
		c.equals = append(c.equals, equal{at.at, apart})
		if a.window != b.window {
			keep(&c.window)
		}
		if apart > Late {
			keep(&c.moved)
		}
	}
}

// fill tells what was found.
func (c *comparer) fill(out *Comparison, names [2]map[netip.Addr]string) {
	for _, e := range c.equals {
		if c.first == nil || e.at < c.first.at {
			out.Same++
			out.Apart = max(out.Apart, e.apart.Seconds())
		}
	}
	earlier := func(d *candidate) *Parting {
		if d == nil || c.first != nil && !d.before(c.first) {
			return nil
		}
		return d.told(names)
	}
	if out.Window, out.Moved = earlier(c.window), earlier(c.moved); c.first != nil {
		out.First = c.first.told(names)
	}
}
