package fault

import (
	"fmt"
	"math"
	"time"

	"github.com/ruleout/ruleout/harness/netem"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// plan is what is built for a scenario, worked out before anything is.
type plan struct {
	// paths are two for each link, in the scenario's order: from its first end, from its second.
	paths    []path
	counters int
	// places tell for each fault which path and stage it is.
	places []role
}

// path is one direction of a link.
type path struct {
	link     int
	from, to int // sides of the link, 0 or 1
	names    [2]string
	stages   []stage
	// last acts on the device towards the far node; nil for nothing.
	last *netem.Qdisc
	// first is the counter of the first boundary; each stage adds one behind it, and the far node a last one.
	first slot
}

// stage is a place on a path where packets are touched: one veth pair.
type stage struct {
	// fault is the index of the fault in the scenario, or -1 for the link's own queue.
	fault int
	// netem acts on the chosen packets; nil for duplicate, which the selector does itself.
	netem *netem.Qdisc
	// choose is meaningless for the link's own queue, which takes all packets.
	choose selector
}

func (p *path) String() string { return p.names[0] + " to " + p.names[1] }

// boundary returns the counter of what entered stage i, or left the last stage, or (one
// more) arrived.
func (p *path) boundary(i int) slot { return p.first + slot(8*i) }

// boundaries is how many there are.
func (p *path) boundaries() int { return len(p.stages) + 2 }

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

// bottleneck turns bits into whole bytes a second, at least 1.
func bottleneck(r scenario.Rate) *netem.Rate {
	return &netem.Rate{BytesPerSecond: max(uint64(r)/8, 1)}
}

// newPlan lays out paths, stages and counters.
func newPlan(s *scenario.Scenario) (*plan, error) {
	p := &plan{places: make([]role, len(s.Faults))}
	found := make([]bool, len(s.Faults))
	for i, l := range s.Links {
		for side := range 2 {
			d := path{link: i, from: side, to: 1 - side, names: [2]string{l.Between[side], l.Between[1-side]}}
			for j, f := range s.Faults {
				if found[j] || f.From != d.names[0] || f.Link != d.names && f.Link != [2]string{d.names[1], d.names[0]} {
					continue
				}
				q, clones, err := action(f.Do)
				if err != nil {
					return nil, problem.Wrap(problem.Usage, fmt.Errorf("fault %s: %w", f.Name, err), "")
				}
				chance := 1.
				if f.Select.Chance != nil {
					chance = float64(*f.Select.Chance)
				}
				class := f.Select.Packets
				if class == "" {
					class = scenario.AnyPacket
				}
				found[j], p.places[j] = true, role{len(p.paths), len(d.stages)}
				d.stages = append(d.stages, stage{j, q, selector{
					class: class, draws: newDraws(chance), orders: ordersAt(j), clones: clones,
				}})
			}
			d.addLink(l)
			p.place(&d)
			p.paths = append(p.paths, d)
		}
	}
	for j, ok := range found {
		if !ok {
			f := s.Faults[j]
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("fault %s: no link between %s and %s with %s at one end", f.Name, f.Link[0], f.Link[1], f.From), "")
		}
	}
	return p, nil
}

// addLink appends what the link itself does. A queue of a stated length in front of a
// rate has a stage of its own: in one netem with the delay, packets on their way would
// take up room in the queue.
func (p *path) addLink(l scenario.Link) {
	delay := time.Duration(l.Delay)
	switch {
	case l.Rate > 0 && l.Queue > 0:
		p.stages = append(p.stages, stage{fault: -1, netem: &netem.Qdisc{Rate: bottleneck(l.Rate), Limit: uint32(l.Queue)}})
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
	d.first = next()
	for range d.boundaries() - 1 {
		next()
	}
	for i := range d.stages {
		if s := &d.stages[i]; s.fault >= 0 {
			s.choose.matched, s.choose.chosen, s.choose.overflow = next(), next(), next()
		}
	}
}

// action returns the netem that does it, or the number of copies to be made.
func action(a scenario.Action) (q *netem.Qdisc, clones int, err error) {
	switch kind := a.Kind(); kind {
	case "drop":
		return &netem.Qdisc{Loss: netem.All, Limit: slack}, 0, nil
	case "delay":
		return &netem.Qdisc{
			Latency: time.Duration(a.Delay), Jitter: time.Duration(a.Jitter), Limit: room(time.Duration(a.Delay+a.Jitter), 0),
		}, 0, nil
	case "reorder":
		return &netem.Qdisc{Latency: time.Duration(a.Reorder), Limit: room(time.Duration(a.Reorder), 0)}, 0, nil
	case "duplicate":
		return nil, a.Duplicate, nil
	case "rate":
		return &netem.Qdisc{Rate: bottleneck(a.Rate), Limit: 10 * slack}, 0, nil
	default:
		return nil, 0, fmt.Errorf("no action, or more than one, or one that cannot be done yet: %q", kind)
	}
}
