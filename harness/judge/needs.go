package judge

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Need is the runs of one arm that are wanted next.
type Need struct {
	// Arm is an index of the plan's.
	Arm int
	// Seeds that have not been run, in order.
	Seeds []uint64
	// Priority is that of the most important case that waits for them, Waiting how many cases do.
	Priority, Waiting int
	// Turn is the earliest among the turns of the cases that wait for them.
	Turn int
}

// Look is how many seeds all cases get before any gets more: what is confirmed at all has mostly been by then.
const Look = 32

// turn says when a case that has so many seeds gets more, lower first. Up to Look, those with the fewest come first, so that each
// suspicion is looked at and clear effects are found. Beyond, where it takes some 80 seeds to rule something out, those with the most do:
// an early end then leaves some cases decided, instead of all of them half-way.
func turn(seeds int) int {
	if seeds < Look {
		return seeds
	}
	return math.MaxInt - seeds
}

// Needs lists what all cases that are not decided want for their next block, most urgent first: by priority, then by turn,
// then those for which most cases wait. Seeds for which done
// returns true are left out: they are being run.
func (b *Bench) Needs(done func(arm int, seed uint64) bool) []Need {
	wanted := map[int]*Need{}
	seeds := map[int]map[int]bool{}
	for i := range b.hearings {
		h := &b.hearings[i]
		if b.hear(h); h.done || h.aside || h.control && !b.asked(i) {
			continue
		}
		for _, a := range h.Arms() {
			for s := h.next; s < b.end(h.next); s++ {
				seed := uint64(b.plan.Campaign.Seeds.First + s)
				if b.arms[a].have[s] || done(a, seed) {
					continue
				}
				n := wanted[a]
				if n == nil {
					n = &Need{Arm: a, Priority: h.Priority, Turn: turn(h.next)}
					wanted[a], seeds[a] = n, map[int]bool{}
				}
				seeds[a][s] = true
				n.Priority, n.Turn = max(n.Priority, h.Priority), min(n.Turn, turn(h.next))
			}
			if n := wanted[a]; n != nil {
				n.Waiting++
			}
		}
	}
	list := make([]Need, 0, len(wanted))
	for a, n := range wanted {
		for s := range seeds[a] {
			n.Seeds = append(n.Seeds, uint64(b.plan.Campaign.Seeds.First+s))
		}
		slices.Sort(n.Seeds)
		list = append(list, *n)
	}
	slices.SortFunc(list, func(x, y Need) int {
		return cmp.Or(cmp.Compare(y.Priority, x.Priority), cmp.Compare(x.Turn, y.Turn), cmp.Compare(y.Waiting, x.Waiting), cmp.Compare(x.Arm, y.Arm))
	})
	return list
}

// asked reports whether hearing i, a control, can still matter: a case that is confirmed needs none.
func (b *Bench) asked(i int) bool {
	control := &b.hearings[i]
	for len(control.serves) > 0 && b.hearings[control.serves[0]].confirmed { // and stays so
		control.serves = control.serves[1:]
	}
	return len(control.serves) > 0
}

// Only leaves cases out of [Bench.Needs] for which mine returns false: others make their runs.
func (b *Bench) Only(mine func(c *campaign.Case) bool) {
	for i := range b.plan.Cases {
		b.hearings[i].aside = !mine(b.hearings[i].Case)
	}
	b.serve()
}

// serve tells each control who relies on it.
func (b *Bench) serve() {
	for i := range b.plan.Controls {
		b.hearings[len(b.plan.Cases)+i].serves = nil
	}
	for i := range b.plan.Cases {
		if h := &b.hearings[i]; h.Case.Control != campaign.None && !h.aside {
			control := &b.hearings[len(b.plan.Cases)+h.Case.Control]
			control.serves = append(control.serves, i)
		}
	}
}

// Progress counts cases by how they stand.
type Progress struct {
	Cases, Decided int
	// Runs is how many there are.
	Runs int
}

// Progress returns how far the plan is.
func (b *Bench) Progress() Progress {
	p := Progress{Cases: len(b.plan.Cases)}
	for i := range b.plan.Cases {
		if b.hear(&b.hearings[i]); b.hearings[i].done {
			p.Decided++
		}
	}
	for i := range b.arms {
		p.Runs += b.arms[i].count
	}
	return p
}

// Decided returns whether case i of the plan has had enough, or all its seeds.
func (b *Bench) Decided(i int) bool {
	b.hear(&b.hearings[i])
	return b.hearings[i].done
}

// Verdict is the verdict on a case.
type Verdict struct {
	verdict.Verdict
	Case *campaign.Case `json:"-"`
	// Family, Entry and Context say which case it is.
	Family  string           `json:"family"`
	Entry   string           `json:"entry"`
	Context campaign.Context `json:"context"`
	// Expected is what the campaign's file expects; empty for nothing. As it is no promise about a placebo, those have none.
	Expected verdict.Outcome `json:"expected,omitempty"`
	// AsExpected is false when another verdict was expected.
	AsExpected bool `json:"as_expected"`
}

// Verdicts judges all cases, in the order of the plan. final says that no further run is to come: what is not seen by then was missed.
func (b *Bench) Verdicts(final bool) []Verdict {
	controls := b.Sightings(final)
	// Placebos have a campaign of their own: among the others they would move the bar.
	var real, placebos []verdict.Case
	for i := range b.plan.Cases {
		h := &b.hearings[i]
		b.hear(h)
		c := verdict.Case{State: h.state, Dose: h.dose, Scope: b.scope(h)}
		if h.Case.Control != campaign.None {
			c.Control = controls[h.Case.Control].Control
		}
		if h.Placebo() {
			placebos = append(placebos, c)
		} else {
			real = append(real, c)
		}
	}
	judged, sham := verdict.Campaign(b.rule.Alpha, real), verdict.Campaign(b.rule.Alpha, placebos)
	list := make([]Verdict, 0, len(b.plan.Cases))
	for i := range b.plan.Cases {
		c := b.hearings[i].Case
		v := Verdict{Case: c, Family: c.Family, Entry: c.Entry, Context: c.Context, Expected: c.Expected, AsExpected: true}
		if c.Placebo() {
			v.Verdict, sham = sham[0], sham[1:]
		} else {
			v.Verdict, judged = judged[0], judged[1:]
		}
		if c.Expected != "" {
			v.AsExpected = v.Outcome == c.Expected
		}
		list = append(list, v)
	}
	return list
}

func (b *Bench) scope(h *hearing) verdict.Scope {
	s := verdict.Scope{Scenario: b.plan.Arms[h.Base].Scenario.Name}
	if k := b.plan.Arms[h.Base].Kernel; k != "" {
		s.Kernels = []string{k}
	}
	if len(h.Context) > 0 {
		s.Contexts = []string{h.Context.String()}
	}
	return s
}
