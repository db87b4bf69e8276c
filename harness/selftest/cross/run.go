package cross

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Run is a record and the packets of the same run.
type Run struct {
	*Record
	// Views are what each node has sent and received, by its name.
	Views map[string]*View
	// Wires are the directions of the links, by "client>edge".
	Wires map[string]*Wire
}

// View is what one node saw: all packets that it put on its links and that reached it.
type View struct {
	Node    string
	Router  bool
	In, Out []Packet // in the order of time
	Talks   []*Talk  // TCP connections of which it is an end
}

// Wire is one direction of a link.
type Wire struct {
	Sent, Received []Packet
	Faults         map[string][]Packet // what each fault chose or made up

	known fates
}

// Run reads the captures of a run: a file for each link, client--edge.pcapng, in a directory.
func (read *Reader) Run(ctx context.Context, record *Record, dir string) (*Run, error) {
	r := &Run{Record: record, Views: map[string]*View{}, Wires: map[string]*Wire{}}
	s := &record.Scenario.Canonical
	for name, n := range s.Nodes {
		r.Views[name] = &View{Node: name, Router: n.Role == "router"}
	}
	for _, link := range s.Links {
		if err := r.readLink(ctx, read, link.Between[0], link.Between[1], dir); err != nil {
			return nil, err
		}
	}
	for _, v := range r.Views {
		slices.SortStableFunc(v.In, byTime)
		slices.SortStableFunc(v.Out, byTime)
	}
	return r, nil
}

// readLink reads a link's capture three times: what each of its ends saw, and what faults have touched.
func (r *Run) readLink(ctx context.Context, read *Reader, a, b, dir string) error {
	capture, err := os.ReadFile(filepath.Join(dir, a+"--"+b+".pcapng"))
	if err != nil {
		return err
	}
	r.Wires[a+">"+b] = &Wire{Faults: map[string][]Packet{}}
	r.Wires[b+">"+a] = &Wire{Faults: map[string][]Packet{}}
	for _, end := range [][2]string{{a, b}, {b, a}} {
		out, in := end[0]+">"+end[1], end[1]+">"+end[0]
		packets, err := read.packets(ctx, capture, func(point string) bool {
			return point == out+" sent" || point == in+" received"
		})
		if err != nil {
			return err
		}
		r.Views[end[0]].add(packets, out+" sent")
		for _, p := range packets {
			if p.Point == out+" sent" {
				r.Wires[out].Sent = append(r.Wires[out].Sent, p)
			} else {
				r.Wires[in].Received = append(r.Wires[in].Received, p)
			}
		}
	}
	touched, err := read.packets(ctx, capture, func(point string) bool { return strings.Contains(point, " fault ") })
	if err != nil {
		return err
	}
	for _, p := range touched {
		way, fault, _ := strings.Cut(p.Point, " fault ")
		r.Wires[way].Faults[fault] = append(r.Wires[way].Faults[fault], p)
	}
	return nil
}

func byTime(a, b Packet) int { return int(a.Time - b.Time) }

// add adds what was captured at one device of the node.
func (v *View) add(packets []Packet, sent string) {
	talks := map[int]*Talk{}
	for _, p := range packets {
		out := p.Point == sent
		if out {
			v.Out = append(v.Out, p)
		} else {
			v.In = append(v.In, p)
		}
		// A router has no connections of its own, and a packet with a damaged header belongs to no node.
		if v.Router || !p.TCP() || p.BadHeader {
			continue
		}
		t := talks[p.Stream]
		if t == nil {
			t = newTalk()
			talks[p.Stream] = t
			v.Talks = append(v.Talks, t)
		}
		t.add(p, out)
	}
}

// Hidden tells whether a node sends what no capture has: onto a link without carrier, which has taken it down.
func (r *Run) Hidden(node string) bool {
	return slices.ContainsFunc(r.Scenario.Canonical.Faults,
		func(f Fault) bool { return f.Does("down") && slices.Contains(f.Link[:], node) })
}

// End is the end of the measured window, in ns.
func (r *Run) End() int64 { return r.Scenario.Canonical.Duration }

// within keeps the packets from the window's start to its end, each moved outwards by slack, which may be negative.
func (r *Run) within(packets []Packet, slack int64) []Packet {
	var kept []Packet
	for _, p := range packets {
		if p.Time >= -slack && p.Time <= r.End()+slack {
			kept = append(kept, p)
		}
	}
	return kept
}
