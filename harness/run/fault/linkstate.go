package fault

import (
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/discipline"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// linkLoss tells what a path lost outside its faults. Drops of a queue whose length the
// scenario states are the link's own behaviour, and none of them.
func (w *Wires) linkLoss(because *result.Reasons, i int, s snapshot) {
	p := &w.plan.paths[i]
	say := about(because, "link "+p.String())
	stated := w.spec(p).Stated()
	check := func(part string, before, behind slot, r role, limit uint32) {
		q := s.of(r)
		drops := int64(q.Drops) + int64(q.Overlimits)
		n := s.counters.at(before) - s.counters.at(behind)
		if stated {
			n -= drops
		} else if drops > 0 {
			say(result.QueueOverflow, "the queue of %d packets overflowed: %d dropped%s", limit, drops, advice(true))
		}
		if n > 0 && r.stage < 0 && w.down(p.link) {
			n = 0 // the outage's receipt has them
		}
		if n != 0 {
			say(result.UnexplainedLoss, "%s %s, for no reason that was asked for", lost(n), part)
		}
		if q.Waiting > 0 {
			say(result.PacketsWaiting, "%d packets are still on the way", q.Waiting)
		}
	}
	for j := range p.stages {
		if st := &p.stages[j]; st.fault < 0 {
			var limit uint32
			if st.bottleneck == nil {
				limit = st.netems[0].Limit
			}
			check("in its queue", p.boundary(j), p.boundary(j+1), role{i, j}, limit)
		}
	}
	var limit uint32
	if p.last != nil {
		limit = p.last.Limit
	}
	n := len(p.stages)
	check("on the last stretch", p.boundary(n), p.boundary(n+1), role{i, -1}, limit)
}

// QdiscStats is one direction of a link while it runs.
type QdiscStats struct {
	// Link is the link's index in the scenario; From and To are its ends.
	Link     int
	From, To string
	// Entered and Arrived are packets at the two ends of the wire.
	Entered, Arrived int64
	// Drops and Overlimits are those of the link's own queue, not those of faults.
	Drops, Overlimits int64
	// Waiting and Backlog are what the direction holds in all its queues, in packets and bytes.
	Waiting, Backlog int64
}

// QdiscStats reads all directions, two for each link, in the order of links and ends.
// It costs one system call for each link and one more.
func (w *Wires) QdiscStats() ([]QdiscStats, error) {
	s, err := w.snapshot()
	if err != nil {
		return nil, err
	}
	list := make([]QdiscStats, len(w.plan.paths))
	for i := range list {
		p := &w.plan.paths[i]
		list[i] = QdiscStats{
			Link: p.link, From: p.names[0], To: p.names[1],
			Entered: s.counters.at(p.boundary(0)), Arrived: s.counters.at(p.arrival()),
		}
	}
	for r, q := range s.qdiscs {
		d := &list[r.path]
		d.Waiting += int64(q.Waiting)
		d.Backlog += int64(q.Backlog)
		if r.stage < 0 || w.plan.paths[r.path].stages[r.stage].fault < 0 {
			d.Drops += int64(q.Drops)
			d.Overlimits += int64(q.Overlimits)
		}
	}
	return list, nil
}

// spec is what the scenario says of the link of a path, in the path's direction.
func (w *Wires) spec(p *path) *scenario.Link {
	l := w.links[p.link].Spec.Direction(p.from)
	return &l
}

// own is the role of the queue that a path has of its own: that in front of the rate, or that of the last device where
// this has a rate or a length that is stated. A delay alone is none: nothing waits in it for its turn.
func (w *Wires) own(p *path, i int) (r role, ok bool) {
	for j := range p.stages {
		if p.stages[j].fault < 0 {
			return role{i, j}, true
		}
	}
	return role{i, -1}, p.last != nil && (p.last.Rate != nil || w.spec(p).Queue > 0)
}

// droppedBehind is how many packets the queue of the link had no room for that had come by a fault.
func (w *Wires) droppedBehind(at role, s snapshot) int64 {
	r, ok := w.own(&w.plan.paths[at.path], at.path)
	if !ok || r.stage == at.stage {
		return 0
	}
	q := s.of(r)
	return int64(q.Drops) + int64(q.Overlimits)
}

// Links says, for each direction of a link that has a queue of its own, what became of the packets over the whole run.
// Call it after [Wires.Receipts].
func (w *Wires) Links() []result.LinkReceipt {
	var list []result.LinkReceipt
	if w.final == nil {
		return list
	}
	for i := range w.plan.paths {
		p := &w.plan.paths[i]
		r, ok := w.own(p, i)
		if !ok {
			continue
		}
		q, l := w.final.of(r), w.spec(p)
		receipt := result.LinkReceipt{
			Between: l.Between, From: p.names[0],
			In: w.final.counters.at(p.boundary(0)), Out: w.final.counters.at(p.arrival()),
			Queue: int64(l.Queue), QueueBytes: int64(l.QueueBytes), LostInQueue: int64(q.Drops) + int64(q.Overlimits),
		}
		if q := w.final.qdiscs[place{role: r}]; l.Discipline != nil {
			receipt.Discipline, receipt.Counters = l.Discipline.Kind(), discipline.Counters(&q)
		}
		list = append(list, receipt)
	}
	return list
}

// Queue is a device on a wire in which packets wait for their turn.
type Queue struct {
	// Name that its metrics begin with, such as link.client-web.from.web, or fault.squeeze, of which there may be several.
	Name string
	// Inode is the number of the network namespace, Index that of the device.
	Inode uint64
	Index int
	// Marks says that packets may be marked there.
	Marks bool
}

// Queues are those of links with a rate or a queue of their own, and those of faults with one, in the order of the
// paths.
func (w *Wires) Queues() (list []Queue) {
	for i := range w.plan.paths {
		p := &w.plan.paths[i]
		own, ok := w.own(p, i)
		if between := w.links[p.link].Spec.Between; ok {
			list = append(list, w.queue(own, metric.LinkPrefix(between[0], between[1], p.names[0])))
		}
		for j := range p.stages {
			if s := &p.stages[j]; s.queue > 0 {
				list = append(list, w.queue(role{i, j}, "fault."+w.faults[s.fault].Name))
			}
		}
	}
	return list
}

// queue finds the device of a role. Netems of several bands are below one qdisc of one device.
func (w *Wires) queue(r role, name string) Queue {
	for d, at := range w.devices {
		if at.role == r {
			b := w.bottleneck(r)
			return Queue{Name: name, Inode: w.links[d.link].Wire.Inode(), Index: d.index, Marks: b != nil && b.Marks}
		}
	}
	panic("fault: a queue without a device: " + name)
}

// bottleneck is the one of a role, or nil.
func (w *Wires) bottleneck(r role) *discipline.Bottleneck {
	if r.stage < 0 {
		return nil
	}
	return w.plan.paths[r.path].stages[r.stage].bottleneck
}

// Marked says how many packets each of these queues has marked so far; 0 for one that marks none.
func (w *Wires) Marked(queues []Queue, counts []int64) error {
	for link, wire := range w.wires {
		inode := w.links[link].Wire.Inode()
		if !slices.ContainsFunc(queues, func(q Queue) bool { return q.Marks && q.Inode == inode }) {
			continue
		}
		list, err := wire.conn.List()
		if err != nil {
			return fmt.Errorf("count marks on wire %s: %w", wire.name, err)
		}
		for i, q := range queues {
			for j := range list {
				s := &list[j]
				if _, ok := w.devices[device{link, s.Index, s.Handle}]; ok && q.Marks && q.Inode == inode && s.Index == q.Index {
					counts[i] = discipline.Marked(s)
				}
			}
		}
	}
	return nil
}

// entranceLoss tells what was lost before it got to a path: a veth hands packets to the machine's backlog, and if that
// is full only the device on the wire counts them, as refused (enqueue_to_backlog in net/core/dev.c).
func (w *Wires) entranceLoss(because *result.Reasons, i int) error {
	p := &w.plan.paths[i]
	n, err := w.refused(i)
	if err != nil {
		return err
	}
	if n -= p.refused; n != 0 && !w.down(p.link) { // a device that is down refuses packets too
		because.Add(result.UnexplainedLoss, "link "+p.String(),
			"%s before the link, for no reason that was asked for", lost(n))
	}
	return nil
}

// refused is how many packets the device at a path's beginning was handed and could not take in.
func (w *Wires) refused(i int) (int64, error) {
	p := &w.plan.paths[i]
	return w.wires[p.link].meter.refused(w.links[p.link].Ends[p.from].WireIndex)
}
