package cases

import (
	"cmp"
	"slices"
)

// agenda is what follows from the runs so far: who waits for which arm. It is kept up to date arm by arm, so that a run
// costs what there is to say about the cases of its arm, and not about all of the plan.
type agenda struct {
	// stale are the arms that something was added to since the agenda was up to date.
	stale map[int]bool
	// wishes are what is wanted of each arm; order lists the arms of which a run is wanted, the most urgent first.
	wishes  []wish
	order   []int
	decided int // cases of the plan
	runs    int
	ahead   int // runs that are still to come, by an estimate
}

// wish is what is wanted of an arm.
type wish struct {
	Need
	any   bool // a run is wanted
	ahead int  // runs that are still to come, by an estimate
}

// begin makes the agenda of a bench from nothing.
func (b *Bench) begin() {
	runs := b.runs
	b.agenda = agenda{stale: map[int]bool{}, wishes: make([]wish, len(b.arms)), runs: runs}
	for a := range b.arms {
		b.stale[a] = true
	}
	for i := range b.plan.Cases {
		if b.progress[i].done {
			b.decided++
		}
	}
}

// note takes down that it is known what came of seed i of an arm.
func (b *Bench) note(arm, i int) {
	b.arms[arm].have[i] = true
	b.arms[arm].count++
	b.runs++
	b.stale[arm] = true
}

// settle brings the agenda up to date.
func (b *Bench) settle() {
	if len(b.stale) == 0 {
		return
	}
	changed := map[int]bool{} // arms of which something else is wanted now
	heard := map[int]bool{}
	for arm := range b.stale {
		changed[arm] = true
		for _, i := range b.arms[arm].cases {
			if !heard[i] {
				heard[i] = true
				b.hearAgain(i, changed)
			}
		}
	}
	clear(b.stale)
	b.reorder(changed)
}

// hearAgain hears case i, and marks the arms of which it wants something else now.
func (b *Bench) hearAgain(i int, changed map[int]bool) {
	h := &b.progress[i]
	next, done := h.next, h.done
	b.hear(h)
	if h.next == next && h.done == done {
		return
	}
	mark := func(h *caseProgress) {
		for _, a := range h.list {
			changed[a] = true
		}
	}
	mark(h)
	if h.done && !done && !h.control {
		b.decided++
		if h.confirmed && h.Case.Control >= 0 { // which its control need not be seen for
			mark(&b.progress[len(b.plan.Cases)+h.Case.Control])
		}
	}
}

// reorder works out what is wanted of some arms.
func (b *Bench) reorder(changed map[int]bool) {
	many := len(changed) > 8+len(b.order)/8 // then sorting is faster
	if !many {
		for arm := range changed {
			if at, found := slices.BinarySearchFunc(b.order, arm, b.compare); found {
				b.order = slices.Delete(b.order, at, at+1)
			}
		}
	}
	for arm := range changed {
		b.ahead -= b.wishes[arm].ahead
		b.wishes[arm] = b.wish(arm)
		b.ahead += b.wishes[arm].ahead
	}
	if many {
		b.order = b.order[:0]
		for arm := range b.wishes {
			if b.wishes[arm].any {
				b.order = append(b.order, arm)
			}
		}
		slices.SortFunc(b.order, b.compare)
		return
	}
	for arm := range changed {
		if b.wishes[arm].any {
			at, _ := slices.BinarySearchFunc(b.order, arm, b.compare)
			b.order = slices.Insert(b.order, at, arm)
		}
	}
}

// compare orders arms by how urgent they are.
func (b *Bench) compare(x, y int) int {
	v, w := &b.wishes[x], &b.wishes[y]
	return cmp.Or(cmp.Compare(w.Priority, v.Priority), cmp.Compare(v.Turn, w.Turn), cmp.Compare(w.Waiting, v.Waiting),
		cmp.Compare(x, y))
}

// wish asks the cases of an arm what they want of it.
func (b *Bench) wish(arm int) wish {
	a := &b.arms[arm]
	w := wish{Need: Need{Arm: arm}}
	most := 0
	for _, i := range a.cases {
		if !b.waits(i) {
			continue
		}
		h := &b.progress[i]
		most = max(most, min(b.target(h), b.cut(h)))
		wants := false
		for s := h.next; s < min(b.end(h.next), b.cut(h)) && !wants; s++ {
			wants = !a.has(s)
		}
		if !wants {
			continue
		}
		if !w.any {
			w.any, w.Priority, w.Turn = true, h.Priority, turn(h.next)
		}
		w.Priority, w.Turn = max(w.Priority, h.Priority), min(w.Turn, turn(h.next))
		w.Waiting++
	}
	w.ahead = max(0, most-a.count)
	return w
}

// Progress counts cases by how they stand.
type Progress struct {
	Cases, Decided int
	// Runs is how many there are, those that failed among them.
	Runs int
}

// Progress returns how far the plan is.
func (b *Bench) Progress() Progress {
	b.settle()
	return Progress{Cases: len(b.plan.Cases), Decided: b.decided, Runs: b.runs}
}

// Used reports whether a case has taken the seed of an arm, so that what came of it matters.
func (b *Bench) Used(arm int, seed uint64) bool {
	b.settle()
	i, ok := b.seed(seed)
	return ok && slices.ContainsFunc(b.arms[arm].cases, func(c int) bool { return b.progress[c].next > i })
}

// Decided returns whether case i of the plan has had enough, or all its seeds.
func (b *Bench) Decided(i int) bool {
	b.settle()
	return b.progress[i].done
}

// Remaining estimates how many runs are still to come: the sum of [Bench.Ahead].
func (b *Bench) Remaining() int {
	b.settle()
	return b.ahead
}

// Ahead estimates how many runs of each arm are still to come, if every case that is not decided turns out as its file
// expects, and innocent where nothing is expected.
func (b *Bench) Ahead() []int {
	b.settle()
	list := make([]int, len(b.arms))
	for a := range list {
		list[a] = b.wishes[a].ahead
	}
	return list
}
