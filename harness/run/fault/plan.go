package fault

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/discipline"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// plan is what is built for a scenario, worked out before anything is.
type plan struct {
	// paths are two for each link, in the scenario's order: from its first end, from its second.
	paths    []path
	counters int
	// attached is the counter of packets that waited in a netem with their sender's socket, see detacher.
	attached slot
	// places tell for each fault which paths and stages it is: one for each direction in which
	// it acts, in the order of the paths.
	places [][]role
	// rings are one for each link, if packets are captured.
	rings []*ring
	// outages are the faults that take a link down. They have no places.
	outages []struct{ fault, link int }
}

// path is one direction of a link.
type path struct {
	link     int
	from, to int // sides of the link, 0 or 1
	names    [2]string
	stages   []stage
	// last acts on the device towards the far node; nil for nothing.
	last *netem.Qdisc
	// first is the counter of the first boundary; each stage adds one after it, and the far node a last one.
	first slot
	// before is what the last device had carried before the wire was there.
	before int64
	// refused is what the first device had not taken in before.
	refused int64
	// ce are counters of packets with CE, by boundary, where a stage beside it marks.
	ce map[int]slot
	// sent and received capture packets at the two ends.
	sent, received tap
}

// stage is a place on a path where packets are touched: a program, and a veth pair for those that leave the series of
// programs.
type stage struct {
	// fault is the index of the fault in the scenario, or -1 for the link's own queue.
	fault int
	// netems act on the chosen packets, see [deed].
	netems []netem.Qdisc
	// bottleneck is the link's own queue where a netem cannot be it, or nil.
	bottleneck *discipline.Bottleneck
	// choose is meaningless for the link's own queue, which takes all packets.
	choose selector
	// flows is the selector's table once it is built, or nil.
	flows *flowTable
	// forged counts what was forged into the stage, or is nil where nothing is.
	forged *slot
	// forgedTap captures that.
	forgedTap tap
	// queue is the length of the fault's queue, or 0; stated says that the scenario has it, so that what it has no room
	// for is the fault's doing.
	queue  uint32
	stated bool
	// through says that all packets go through the pair, and not only those on which netem acts.
	through bool
	// track says that a tracker stands in the selector's place, and back that nothing does: it is
	// only for the messages about packets of the other direction.
	track, back bool
}

// paired reports whether the stage has a veth pair: for netem, for copies and for what is forged.
func (s *stage) paired() bool {
	return s.through || len(s.netems) > 0 || s.choose.clones > 0 || s.track ||
		s.choose.refuse != nil && !s.choose.refuse.silent
}

// holds reports whether packets on which the stage acts wait in a netem there.
func (s *stage) holds() bool {
	return slices.ContainsFunc(s.netems, func(q netem.Qdisc) bool { return holds(&q) > 0 })
}

func (p *path) String() string { return p.names[0] + " to " + p.names[1] }

// boundary returns the counter of what entered stage i, or left the last stage, or (one
// more) arrived.
func (p *path) boundary(i int) slot { return p.first + slot(8*i) }

// marked is the counter of packets with CE at boundary i, or nil where nobody asks.
func (p *path) marked(i int) *slot {
	if s, ok := p.ce[i]; ok {
		return &s
	}
	return nil
}

// boundaries is how many there are.
func (p *path) boundaries() int { return len(p.stages) + 2 }

// arrival is the counter of what arrived at the far node. No program counts it, but for packets that are captured:
// it is what the kernel says of the last device, see meter.
func (p *path) arrival() slot { return p.boundary(p.boundaries() - 1) }

const (
	// slack is how many packets a queue holds beyond those that its delay keeps.
	slack = 10_000
	// fastest is how many packets a second one path can carry; more than one CPU does.
	fastest = 1e6
	// smallest is the least length of a frame, in bytes, by which a rate is turned into packets.
	smallest = 60
)

// room is a limit that is never reached: packets that a delay holds at the rate, plus slack.
func room(delay time.Duration, rate scenario.Rate) uint32 {
	packets := fastest
	if rate > 0 {
		packets = min(packets, float64(rate)/8/smallest)
	}
	return uint32(min(slack+math.Ceil(packets*delay.Seconds()), math.MaxInt32))
}

// bottleneck is a rate as netem has it.
func bottleneck(r scenario.Rate) *netem.Rate { return &netem.Rate{BytesPerSecond: r.Bytes()} }

// newPlan lays out paths, stages and counters.
func newPlan(s *scenario.Scenario) (*plan, error) {
	p := &plan{places: make([][]role, len(s.Faults))}
	for i := range s.Links {
		l := &s.Links[i]
		for j := range s.Faults {
			if f := &s.Faults[j]; f.Do.Down && on(f, l.Between) {
				p.outages = append(p.outages, struct{ fault, link int }{j, i})
			}
		}
		for side := range 2 {
			l := l.Direction(side)
			d := path{link: i, from: side, to: 1 - side, names: [2]string{l.Between[side], l.Between[1-side]}}
			for j := range s.Faults {
				f := &s.Faults[j]
				if !d.carries(f) {
					continue
				}
				st, err := newStage(s, j, side, &l)
				if err != nil {
					return nil, problem.Wrap(problem.Usage, fmt.Errorf("fault %s: %w", f.Name, err), "")
				}
				st.back = f.From != "" && f.From != d.names[0]
				p.places[j] = append(p.places[j], role{len(p.paths), len(d.stages)})
				d.stages = append(d.stages, st)
			}
			d.addLink(l)
			d.breakUp()
			p.place(&d)
			p.paths = append(p.paths, d)
		}
	}
	p.attached = slot(8 * p.counters)
	p.counters++
	for j, places := range p.places {
		down := slices.ContainsFunc(p.outages, func(o struct{ fault, link int }) bool { return o.fault == j })
		if f := &s.Faults[j]; len(places) == 0 && !down && !f.Do.Pause {
			return nil, problem.Wrap(problem.Usage, nowhere(f), "")
		}
	}
	return p, nil
}

// on reports whether a fault is on the link between these.
func on(f *scenario.Fault, between [2]string) bool {
	return f.Link == between || f.Link == [2]string{between[1], between[0]}
}

// carries reports whether the fault acts on packets of this direction, or its messages go this way.
func (p *path) carries(f *scenario.Fault) bool {
	if f.Do.Down || !on(f, p.names) {
		return false
	}
	return f.From == "" || f.From == p.names[0] || f.Do.Refuses()
}

// nowhere says that a fault has no place.
func nowhere(f *scenario.Fault) error {
	if f.From == "" {
		return fmt.Errorf("fault %s: no link between %s and %s", f.Name, f.Link[0], f.Link[1])
	}
	return fmt.Errorf("fault %s: no link between %s and %s with %s at one end", f.Name, f.Link[0], f.Link[1], f.From)
}

// newStage is the stage of fault j for packets from one side of the link l. It has no counters yet.
func newStage(s *scenario.Scenario, j, side int, l *scenario.Link) (stage, error) {
	f := &s.Faults[j]
	d, err := newDeed(f)
	if err != nil {
		return stage{}, err
	}
	c, err := newSelector(s, j, side)
	if err != nil {
		return stage{}, err
	}
	c.clones, c.corrupt, c.mark, c.bands, c.side = d.clones, d.corrupt, f.Do.Mark != "", len(d.netems), side
	st := stage{fault: j, netems: d.netems, through: d.through, choose: c, track: f.Do.Inject != nil}
	if st.queue, st.stated = queued(&f.Do, l); st.queue > 0 {
		for i := range st.netems {
			st.netems[i].Limit = st.queue
		}
	}
	if f.Do.MTU > 0 || f.Do.Reject != "" {
		st.choose.refuse = &refusal{limit: f.Do.MTU, silent: f.Do.Silent, reason: f.Do.Reject}
	}
	if st.track || st.choose.refuse != nil {
		st.forged = new(slot)
	}
	return st, nil
}

// addLink appends what the link itself does. A queue of a stated length in front of a
// rate has a stage of its own: in one netem with the delay, packets on their way would
// take up room in the queue. So has a discipline, behind which the netem is that sends the packets.
func (p *path) addLink(l scenario.Link) {
	delay := time.Duration(l.Delay)
	switch {
	case l.Bottleneck():
		p.stages = append(p.stages, stage{fault: -1, through: true, bottleneck: discipline.New(&l)})
		if q := (netem.Qdisc{Latency: delay, Limit: room(delay, l.Rate)}); discipline.Serialize(&l) {
			q.Rate = bottleneck(l.Rate)
			p.last = &q
		} else if delay > 0 {
			p.last = &q
		}
	case l.Rate > 0 && l.Queue > 0:
		p.stages = append(p.stages,
			stage{fault: -1, through: true, netems: []netem.Qdisc{{Rate: bottleneck(l.Rate), Limit: uint32(l.Queue)}}})
		if delay > 0 {
			p.last = &netem.Qdisc{Latency: delay, Limit: room(delay, l.Rate)}
		}
	case l.Rate > 0:
		p.last = &netem.Qdisc{Latency: delay, Rate: bottleneck(l.Rate), Limit: room(delay, l.Rate)}
	case delay > 0 && l.Queue > 0:
		p.last = &netem.Qdisc{Latency: delay, Limit: uint32(l.Queue)}
	case delay > 0:
		p.last = &netem.Qdisc{Latency: delay, Limit: room(delay, 0)}
	}
}

// place gives the path its counters.
func (p *plan) place(d *path) {
	next := func() slot { p.counters++; return slot(8 * (p.counters - 1)) }
	d.ce = map[int]slot{}
	d.first = next()
	for range d.boundaries() - 1 {
		next()
	}
	for i := range d.stages {
		if s := &d.stages[i]; s.fault >= 0 {
			s.choose.tally = newTally(next)
			for at := i; s.choose.mark && at <= i+1; at++ {
				if d.marked(at) == nil {
					d.ce[at] = next()
				}
			}
			if s.forged != nil {
				*s.forged = next()
			}
			if m := s.choose.refuse; m != nil {
				m.messages, m.mute = next(), next()
			}
			if s.choose.corrupt {
				s.choose.flipped = next()
			}
		}
	}
}
