package probe

import (
	"cmp"
	"slices"
)

// Queue is a device whose outermost qdisc is to be recorded: a netem or a prio, which count for all CPUs together.
type Queue struct {
	// Name that its metrics begin with, such as link.client-web.from.web. Queues of one name are recorded as one: what is
	// lost and what waits in them is added up, and the most is that of the one in which it was more.
	Name string
	// Inode is the number of the device's network namespace, and Index that of the device.
	Inode uint64
	Index int
	// Marks says that its qdisc may mark packets; then how many it marked is a metric, see [Options.Marked].
	Marks bool
}

// key is what the programs know a queue by.
func (q Queue) key() uint64 { return q.Inode<<32 | uint64(uint32(q.Index)) }

// queueReading is what is read of a queue at one moment.
type queueReading struct {
	area, bytes float64 // packets and bytes times ns, so far
	lost        int64
}

// plus is two queues as one.
func (q queueReading) plus(p queueReading) queueReading {
	return queueReading{q.area + p.area, q.bytes + p.bytes, q.lost + p.lost}
}

// queueMost is the most that a queue held at once.
type queueMost struct{ packets, bytes int64 }

// readQueue reads queue number i+1 at a time.
func (s *state) readQueue(i int, now int64) (r queueReading) {
	base := s.queueRecords() + uint32(i+1)<<queueShift
	word := func(at uint32) float64 { return float64(s.load(base + at)) }
	s.steady(base+queueSequence, func() {
		since := float64(max(now-int64(s.load(base+queueAt)), 0))
		r.area = word(queueArea) + word(queueDepth)*since
		r.bytes = word(queueAreaHigh)*(1<<32) + word(queueAreaLow) + word(queueBytes)*since
		r.lost = int64(s.load(base + queueLost))
	})
	return r
}

// restartQueue makes the greatest values of queue number i+1 start over from what it holds.
func (s *state) restartQueue(i int) {
	base := s.queueRecords() + uint32(i+1)<<queueShift
	s.steady(base+queueSequence, func() {
		*s.word(base + queueMax) = s.load(base + queueDepth)
		*s.word(base + queueMaxBytes) = s.load(base + queueBytes)
	})
}

func (s *state) mostOf(i int) queueMost {
	base := s.queueRecords() + uint32(i+1)<<queueShift
	return queueMost{int64(s.load(base + queueMax)), int64(s.load(base + queueMaxBytes))}
}

// queueGroup is the queues of one name.
type queueGroup struct {
	name    string
	members []int
}

// groups puts queues of one name together, in the order of their names.
func groups(queues []Queue) []queueGroup {
	by := map[string][]int{}
	for i, q := range queues {
		by[q.Name] = append(by[q.Name], i)
	}
	list := make([]queueGroup, 0, len(by))
	for name, members := range by {
		list = append(list, queueGroup{name, members})
	}
	slices.SortFunc(list, func(a, b queueGroup) int { return cmp.Compare(a.name, b.name) })
	return list
}

// of adds up what a sample has of a group.
func (g queueGroup) of(s *sample) (sum queueReading) {
	for _, i := range g.members {
		sum = sum.plus(s.queues[i])
	}
	return sum
}

func (r *recorder) queueMetrics(first, last *sample, put func(string, float64)) {
	window := float64(last.at - first.at)
	for _, g := range groups(r.options.Queues) {
		a, b := g.of(first), g.of(last)
		var most queueMost
		for _, i := range g.members {
			most.packets = max(most.packets, r.queueMosts[i].packets)
			most.bytes = max(most.bytes, r.queueMosts[i].bytes)
		}
		put(g.name+".queue.drops", float64(b.lost-a.lost))
		if marks, ok := r.marks(g); ok {
			put(g.name+".queue.marks", float64(marks))
		}
		put(g.name+".queue.mean", (b.area-a.area)/window)
		put(g.name+".queue.max", float64(most.packets))
		put(g.name+".queue.bytes.mean", (b.bytes-a.bytes)/window)
		put(g.name+".queue.bytes.max", float64(most.bytes))
	}
}

// marks is how many packets a group marked in the window; ok is false for one that marks none.
func (r *recorder) marks(g queueGroup) (sum int64, ok bool) {
	for _, i := range g.members {
		ok = ok || r.options.Queues[i].Marks
		sum += r.marked[1][i] - r.marked[0][i]
	}
	return sum, ok
}

var queueSeries = []struct {
	Series
	value func(a, b queueReading, ns float64) float64
}{
	{
		Series{"queue", "1", "mean number of packets that waited in the queue in the interval", false},
		func(a, b queueReading, ns float64) float64 { return (b.area - a.area) / ns },
	},
	{
		Series{"queue.drops", "1", "packets for which the queue had no room in the interval", false},
		func(a, b queueReading, _ float64) float64 { return float64(b.lost - a.lost) },
	},
}
