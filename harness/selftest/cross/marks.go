package cross

import (
	"slices"
	"strings"
)

// marked is how many packets arrived with CE that were not sent with it.
func (r *Run) marked(way string) (n int) {
	for _, p := range r.Wires[way].Received {
		n += one(p.ECN == congested)
	}
	for _, p := range r.Wires[way].Sent {
		n -= one(p.ECN == congested)
	}
	return n
}

// marks are those of them that the queue of the link has marked, and no fault, and again how many came with CE, which
// it may count once more (INET_ECN_set_ce is true of them).
func (r *Run) marks(way string) (n, again int) {
	n = r.marked(way)
	for _, p := range r.Wires[way].Sent {
		again += one(p.ECN == congested)
	}
	for i := range r.Scenario.Canonical.Faults {
		if f := &r.Scenario.Canonical.Faults[i]; f.Does("mark") && slices.Contains(f.ways(), way) {
			n -= len(r.Wires[way].Faults[f.Name])
		}
	}
	return n, again
}

// markedBy is how many packets a fault has marked, unless the queue of its link marks too: whose mark it is, a packet
// does not tell.
func (r *Run) markedBy(f *Fault) (n int, known bool) {
	for _, way := range f.ways() {
		from, _, _ := strings.Cut(way, ">")
		if _, marks := r.Value("link." + f.Link[0] + "-" + f.Link[1] + ".from." + from + ".queue.marks"); marks {
			return 0, false
		}
		n += r.marked(way)
	}
	return n, true
}
