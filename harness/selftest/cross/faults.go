package cross

import (
	"math"
	"slices"
	"strings"
)

// edge is how far the selector's own look at the clock may be from the capture's, in ns. Both are in one pass over
// the packet, and a captured packet costs a guest at most 8 µs more than another (docs/architecture/capture.md).
const edge = 8e3

const whyEdge = "exact, but for packets within 8 µs of the fault's beginning or end: " +
	"the selector and the capture look at the clock one after the other (capture.md)"

// ways are the directions in which a fault acts, such as client>edge.
func (f *Fault) ways() []string {
	a, b := f.Link[0], f.Link[1]
	switch f.From {
	case a:
		return []string{a + ">" + b}
	case b:
		return []string{b + ">" + a}
	}
	return []string{a + ">" + b, b + ">" + a}
}

// stages are the directions in which a fault stands on the link: one that refuses packets sends its messages the other
// way, and an injection looks at both.
func (f *Fault) stages() []string {
	if f.refuses() || f.Does("inject") {
		g := *f
		g.From = ""
		return g.ways()
	}
	return f.ways()
}

// refuses tells whether the fault loses packets and informs their senders.
func (f *Fault) refuses() bool { return f.Does("mtu") || f.Does("reject") }

// on tells whether the fault acts at a time.
func (f *Fault) on(t int64) bool {
	t -= f.At
	switch {
	case t < 0:
		return false
	case f.For == 0:
		return true
	case f.Every == 0:
		return t < f.For
	}
	return t%f.Every < f.For && (f.Times == 0 || t/f.Every < f.Times)
}

// alone tells whether all faults of a direction in front of this one, or after it, only watch.
func (r *Run) alone(f *Fault, way string, behind bool) bool {
	list := r.Scenario.Canonical.Faults
	i := slices.IndexFunc(list, func(g Fault) bool { return g.Name == f.Name })
	others := list[:i]
	if behind {
		others = list[i+1:]
	}
	for k := range others {
		if g := &others[k]; !g.Does("watch") && slices.Contains(g.stages(), way) {
			return false
		}
	}
	return true
}

// chosen are the packets that the fault chose, and made those that it made up, in the order of time.
func (r *Run) chosen(f *Fault) (chosen, made []Packet) {
	for _, way := range f.stages() {
		for _, p := range r.Wires[way].Faults[f.Name] {
			if f.refuses() && !slices.Contains(f.ways(), way) {
				continue // its messages
			}
			if strings.Contains(p.Comment, "forged") {
				made = append(made, p)
			} else {
				chosen = append(chosen, p)
			}
		}
	}
	slices.SortStableFunc(chosen, byTime)
	return chosen, made
}

// eachFault makes figures of each fault for which there are some.
func eachFault(figures func(r *Run, f *Fault, name string) []Figure) func(r *Run) []Figure {
	return func(r *Run) []Figure {
		var list []Figure
		for i := range r.Scenario.Canonical.Faults {
			f := &r.Scenario.Canonical.Faults[i]
			list = append(list, figures(r, f, "fault."+f.Name+".")...)
		}
		return list
	}
}

func faultChecks() []Check {
	return []Check{
		{
			Metrics: []string{"fault.NAME.matched"},
			How: "packets of the class in the order of the wire, by `tcp.len`, `tcp.flags`, `ip.len` and so on, " +
				"while the fault was on; where no fault in front of it acts",
			Why: whyEdge, Figures: eachFault(matched),
		},
		{
			Metrics: []string{"fault.NAME.chosen"},
			How: "packets at the fault's capture point that are of its class, and were sent (`frame.md5_hash`) unless a " +
				"fault in front of it acts; without chance and ordinals also all of the class; connections with forged segments",
			Why: "exact; against the class as *matched*", Figures: eachFault(chosenFigures),
		},
		{
			Metrics: []string{"fault.NAME.delivered"},
			How: "by `frame.md5_hash` of what was chosen, at both ends of the wire: " +
				"gone, there more often, arrived after being held, or arrived as what was never sent",
			Why: "exact", Figures: eachFault(delivered),
		},
		{
			Metrics: []string{"fault.NAME.unexplained_loss", "fault.NAME.lost_in_queue"},
			How: "frames sent that did not arrive (`frame.md5_hash`) and that no fault chose to lose or to change, " +
				"on the wires of all faults",
			Why: "exact; around a link that goes down, what is lost within the link's delay and " +
				"queue of that is the fault's",
			Figures: eachFault(unexplained),
		},
		{
			Metrics: []string{"fault.NAME.queue.drops"},
			How:     "of what was chosen, frames that did not arrive, where the fault has a queue", Why: "exact",
			Figures: eachFault(func(r *Run, f *Fault, name string) []Figure {
				if !f.Does("rate") && !f.Does("slot") {
					return nil
				}
				gone := 0
				for _, way := range f.ways() {
					g, _ := r.Wires[way].fates().tally(r.Wires[way].Faults[f.Name])
					gone += g
				}
				return []Figure{exactly(name+"queue.drops", gone)}
			}),
		},
		{
			Metrics: []string{"link.A-B.from.A.queue.drops"},
			How:     "frames sent that did not arrive and that no fault lost, on each link in each direction", Why: "exact",
			Figures: func(r *Run) []Figure {
				var list []Figure
				for _, link := range r.Scenario.Canonical.Links {
					a, b := link.Between[0], link.Between[1]
					for _, end := range [][2]string{{a, b}, {b, a}} {
						list = append(list, exactly("link."+a+"-"+b+".from."+end[0]+".queue.drops", r.lost(end[0]+">"+end[1])))
					}
				}
				return list
			},
		},
		{
			Metrics: []string{"link.A-B.from.A.queue.marks"},
			How:     "frames received with CE less those sent with it and those that a fault marked",
			Why:     "none less; a queue counts packets that have CE already, if it would mark them",
			Figures: func(r *Run) []Figure {
				var list []Figure
				for _, link := range r.Scenario.Canonical.Links {
					a, b := link.Between[0], link.Between[1]
					for _, end := range [][2]string{{a, b}, {b, a}} {
						n, again := r.marks(end[0] + ">" + end[1])
						list = append(list, Figure{Name: "link." + a + "-" + b + ".from." + end[0] + ".queue.marks",
							By: float64(n), Low: float64(n), High: float64(n + again)})
					}
				}
				return list
			},
		},
		{
			Metrics: []string{"fault.NAME.time1"}, How: "time of the first packet at the fault's capture point",
			Why: "8 µs: see *matched*",
			Figures: eachFault(func(r *Run, f *Fault, name string) []Figure {
				if chosen, _ := r.chosen(f); len(chosen) > 0 {
					return []Figure{around(name+"time1", float64(chosen[0].Time)/1e9, edge/1e9)}
				}
				return nil
			}),
		},
		{
			Metrics: []string{"fault.NAME.gap1", "fault.NAME.gap2", "fault.NAME.gap3", "fault.NAME.gap4", "fault.NAME.gap5",
				"fault.NAME.gap6", "fault.NAME.gap7", "fault.NAME.gap8"},
			How: "differences of the times there", Why: "8 µs at either end",
			Figures: eachFault(func(r *Run, f *Fault, name string) []Figure {
				var list []Figure
				chosen, _ := r.chosen(f)
				for i := 1; i < min(len(chosen), 9); i++ {
					list = append(list, around(name+"gap"+string(rune('0'+i)), float64(chosen[i].Time-chosen[i-1].Time)/1e9, edge/1e9))
				}
				return list
			}),
		},
		{
			Metrics: []string{"receipt.NAME.in"},
			How:     "all packets sent in the fault's directions, where no fault in front of it acts", Why: "exact",
			Figures: eachFault(func(r *Run, f *Fault, _ string) []Figure { return through(r, f, false) }),
		},
		{
			Metrics: []string{"receipt.NAME.out"}, How: "all packets received there, where no fault after it acts; " +
				"those lost where a link is down are apart", Why: "exact",
			Figures: eachFault(func(r *Run, f *Fault, _ string) []Figure { return through(r, f, true) }),
		},
		{
			Metrics: []string{"receipt.NAME.messages"},
			How: "ICMP 3, ICMPv6 1 and 2, or RSTs, that reached the sender, and were at the capture point of a fault " +
				"that refuses packets", Why: "exact",
			Figures: eachFault(func(r *Run, f *Fault, _ string) []Figure {
				if !f.refuses() {
					return nil
				}
				n, own := 0, map[string]bool{}
				for _, way := range f.stages() {
					for _, p := range r.Wires[way].Faults[f.Name] {
						own[p.Hash] = !slices.Contains(f.ways(), way)
					}
				}
				for _, p := range r.Views[f.From].In {
					told := p.Transport == "icmp" && p.ICMP == 3 || p.Transport == "icmpv6" && (p.ICMP == 1 || p.ICMP == 2)
					if string(f.Do["reject"]) == `"rst"` {
						told = p.Has(flagRST)
					}
					n += one(told && own[p.Hash])
				}
				return []Figure{exactly("receipt."+f.Name+".messages", n)}
			}),
		},
	}
}

// around is a figure with the same tolerance either way.
func around(name string, by, tolerance float64) Figure {
	return Figure{Name: name, By: by, Low: by - tolerance, High: by + tolerance}
}

func matched(r *Run, f *Fault, name string) []Figure {
	if f.Does("down") || f.Does("inject") {
		return nil
	}
	fig := Figure{Name: name + "matched"}
	for _, way := range f.ways() {
		if !r.alone(f, way, false) {
			return nil
		}
		for _, p := range r.Wires[way].Sent {
			is, known := f.class(&p)
			if !known {
				return nil
			}
			if is {
				fig.By += float64(one(f.on(p.Time)))
				fig.Low += float64(one(f.on(p.Time-edge) && f.on(p.Time+edge)))
				fig.High += float64(one(f.on(p.Time-edge) || f.on(p.Time+edge)))
			}
		}
	}
	return []Figure{fig}
}

func chosenFigures(r *Run, f *Fault, name string) []Figure {
	chosen, made := r.chosen(f)
	switch {
	case f.Does("down"):
		return nil
	case f.Does("inject"):
		streams := map[[2]int]bool{}
		for _, p := range made {
			streams[[2]int{min(p.From, p.Port), max(p.From, p.Port)}] = true
		}
		return []Figure{exactly(name+"chosen", len(streams))}
	}
	n := 0
	for _, p := range chosen {
		is, known := f.class(&p)
		way, _, _ := strings.Cut(p.Point, " fault ")
		sent := r.Wires[way].fates()[p.Hash].sent > 0 || !r.alone(f, way, false)
		n += one((is || !known) && sent)
	}
	list := []Figure{exactly(name+"chosen", n)}
	s := &f.Select
	if m := matched(r, f, name); len(m) == 1 && s.Nth == 0 && s.First == 0 && s.Burst == 0 && len(s.Listed) == 0 &&
		s.Chance == 1 && !f.Does("mtu") && // not all that match are too long
		(s.Every == 0 || s.Per == "link" && f.From != "") {
		every := float64(max(s.Every, 1))
		list = append(list, Figure{Name: name + "chosen", By: math.Floor(m[0].By / every), Low: math.Floor(m[0].Low / every),
			High: math.Floor(m[0].High / every)})
	}
	return list
}

func delivered(r *Run, f *Fault, name string) []Figure {
	chosen, made := r.chosen(f)
	fig := func(n int) []Figure { return []Figure{exactly(name+"delivered", n)} }
	gone, extra, strange := 0, 0, 0
	for _, way := range f.stages() {
		w := r.Wires[way]
		m := w.fates()
		g, e := m.tally(w.Faults[f.Name])
		gone, extra = gone+g, extra+e
		for _, p := range w.Received {
			strange += one(m[p.Hash].sent == 0)
		}
	}
	switch {
	case f.Does("down"):
		return nil
	case f.Does("watch"):
		return fig(len(chosen))
	case f.Does("drop"), f.Does("loss"), f.refuses():
		return fig(gone)
	case f.Does("mark"):
		if n, known := r.markedBy(f); known {
			return fig(n)
		}
		return nil
	case f.Does("duplicate"):
		return fig(extra)
	case f.Does("corrupt"):
		return fig(strange)
	case f.Does("inject"):
		return fig(len(made) - max(len(made)-strange, 0))
	default: // held back, and let go
		return fig(len(chosen) - gone)
	}
}

// losing tells whether the fault loses what it chooses, or changes it beyond recognition.
func (f *Fault) losing() bool {
	return f.Does("drop") || f.Does("loss") || f.refuses() || f.Does("corrupt") || f.Does("mark")
}

// loses is how long before a link goes down, and after it is up again, a packet is sent that is lost with it, in
// ns: what is on its way, the link's delay of 10 ms and the queue in front of its rate; and the time that a device
// takes, 20 ms at most in a valid run (faults.md).
const loses = 50e6

func unexplained(r *Run, f *Fault, name string) []Figure {
	lost := 0
	for _, way := range f.ways() {
		lost += r.lost(way)
	}
	fig := exactly(name+"unexplained_loss", lost)
	if queue := name + "lost_in_queue"; r.Has(queue) {
		fig.Sum = []string{queue}
	}
	return []Figure{fig}
}

// lost counts the frames of a direction that did not arrive and that no fault chose to lose or to change.
func (r *Run) lost(way string) (lost int) {
	w := r.Wires[way]
	m := w.fates()
	explained := map[string]bool{}
	var down []*Fault
	for i := range r.Scenario.Canonical.Faults {
		g := &r.Scenario.Canonical.Faults[i]
		if !slices.Contains(g.stages(), way) {
			continue
		}
		if g.Does("down") {
			down = append(down, g)
		}
		for _, p := range w.Faults[g.Name] {
			explained[p.Hash] = explained[p.Hash] || g.losing()
		}
	}
	for _, p := range w.Sent {
		pulled := slices.ContainsFunc(down, func(g *Fault) bool {
			return g.on(p.Time) || g.on(p.Time+loses) || g.on(p.Time-loses)
		})
		lost += one(m[p.Hash].received < m[p.Hash].sent && !explained[p.Hash] && !pulled)
	}
	// What a queue has marked did arrive, as another frame.
	marks, _ := r.marks(way)
	return lost - marks
}

// through counts all packets in front of a fault, or after it.
func through(r *Run, f *Fault, behind bool) []Figure {
	n := 0
	for _, way := range f.stages() {
		if !r.alone(f, way, behind) {
			return nil
		}
		if behind {
			n += len(r.Wires[way].Received)
		} else {
			n += len(r.Wires[way].Sent)
		}
	}
	if behind {
		return []Figure{exactly("receipt."+f.Name+".out", n)}
	}
	return []Figure{exactly("receipt."+f.Name+".in", n)}
}
