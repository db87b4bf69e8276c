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

// begin makes the agenda of an analysis from nothing.
func (an *Analysis) begin() {
	runs := an.runs
	an.agenda = agenda{stale: map[int]bool{}, wishes: make([]wish, len(an.arms)), runs: runs}
	for a := range an.arms {
		an.stale[a] = true
	}
	for i := range an.plan.Cases {
		if an.progress[i].done {
			an.decided++
		}
	}
}

// note takes down that it is known what came of seed i of an arm.
func (an *Analysis) note(arm, i int) {
	an.arms[arm].have[i] = true
	an.arms[arm].count++
	an.runs++
	an.stale[arm] = true
}

// settle brings the agenda up to date.
func (an *Analysis) settle() {
	if len(an.stale) == 0 {
		return
	}
	changed := map[int]bool{} // arms of which something else is wanted now
	heard := map[int]bool{}
	for arm := range an.stale {
		changed[arm] = true
		for _, i := range an.arms[arm].cases {
			if !heard[i] {
				heard[i] = true
				an.hearAgain(i, changed)
			}
		}
	}
	clear(an.stale)
	an.reorder(changed)
}

// hearAgain hears case i, and marks the arms of which it wants something else now.
func (an *Analysis) hearAgain(i int, changed map[int]bool) {
	h := &an.progress[i]
	next, done := h.next, h.done
	an.hear(h)
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
		an.decided++
		if h.confirmed && h.Case.Control >= 0 { // which its control need not be seen for
			mark(&an.progress[len(an.plan.Cases)+h.Case.Control])
		}
	}
}

// reorder works out what is wanted of some arms.
func (an *Analysis) reorder(changed map[int]bool) {
	many := len(changed) > 8+len(an.order)/8 // then sorting is faster
	if !many {
		for arm := range changed {
			if at, found := slices.BinarySearchFunc(an.order, arm, an.compare); found {
				an.order = slices.Delete(an.order, at, at+1)
			}
		}
	}
	for arm := range changed {
		an.ahead -= an.wishes[arm].ahead
		an.wishes[arm] = an.wish(arm)
		an.ahead += an.wishes[arm].ahead
	}
	if many {
		an.order = an.order[:0]
		for arm := range an.wishes {
			if an.wishes[arm].any {
				an.order = append(an.order, arm)
			}
		}
		slices.SortFunc(an.order, an.compare)
		return
	}
	for arm := range changed {
		if an.wishes[arm].any {
			at, _ := slices.BinarySearchFunc(an.order, arm, an.compare)
			an.order = slices.Insert(an.order, at, arm)
		}
	}
}

// compare orders arms by how urgent they are.
func (an *Analysis) compare(x, y int) int {
	v, w := &an.wishes[x], &an.wishes[y]
	return cmp.Or(cmp.Compare(w.Priority, v.Priority), cmp.Compare(v.Turn, w.Turn), cmp.Compare(w.Waiting, v.Waiting),
		cmp.Compare(x, y))
}

// wish asks the cases of an arm what they want of it.
func (an *Analysis) wish(arm int) wish {
	a := &an.arms[arm]
	w := wish{Need: Need{Arm: arm}}
	most := 0
	for _, i := range a.cases {
		if !an.waits(i) {
			continue
		}
		h := &an.progress[i]
		most = max(most, min(an.target(h), an.cut(h)))
		wants := false
		for s := h.next; s < min(an.end(h.next), an.cut(h)) && !wants; s++ {
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
func (an *Analysis) Progress() Progress {
	an.settle()
	return Progress{Cases: len(an.plan.Cases), Decided: an.decided, Runs: an.runs}
}

// Used reports whether a case has taken the seed of an arm, so that what came of it matters.
func (an *Analysis) Used(arm int, seed uint64) bool {
	an.settle()
	i, ok := an.seed(seed)
	return ok && slices.ContainsFunc(an.arms[arm].cases, func(c int) bool { return an.progress[c].next > i })
}

// Decided returns whether case i of the plan has had enough, or all its seeds.
func (an *Analysis) Decided(i int) bool {
	an.settle()
	return an.progress[i].done
}

// Remaining estimates how many runs are still to come: the sum of [Analysis.Ahead].
func (an *Analysis) Remaining() int {
	an.settle()
	return an.ahead
}

// Ahead estimates how many runs of each arm are still to come, if every case that is not decided turns out as its file
// expects, and innocent where nothing is expected.
func (an *Analysis) Ahead() []int {
	an.settle()
	list := make([]int, len(an.arms))
	for a := range list {
		list[a] = an.wishes[a].ahead
	}
	return list
}
