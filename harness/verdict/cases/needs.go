package cases

import (
	"math"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
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

// turn says when a case that has so many seeds gets more, lower first. Up to Look, those with the fewest come first, so
// that each suspicion is looked at and clear effects are found. Beyond, where it takes some 80 seeds to rule something
// out, those with the most do: an early end then leaves some cases decided, instead of all of them half-way.
func turn(seeds int) int {
	if seeds < Look {
		return seeds
	}
	return math.MaxInt - seeds
}

// Needs lists what all cases that are not decided want for their next block, most urgent first: by priority, then by
// turn, then those for which most cases wait. Seeds for which done returns true are left out: they are being run.
func (b *Bench) Needs(done func(arm int, seed uint64) bool) []Need { return b.First(len(b.arms), done) }

// Finished reports whether no case wants another run.
func (b *Bench) Finished() bool {
	return len(b.First(1, func(int, uint64) bool { return false })) == 0
}

// First lists the first so many of [Bench.Needs]. It costs no more than these.
func (b *Bench) First(most int, done func(arm int, seed uint64) bool) (list []Need) {
	b.settle()
	for _, a := range b.order {
		if len(list) == most {
			break
		}
		n := b.wishes[a].Need
		if n.Seeds = b.wanted(a, done); len(n.Seeds) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// wanted are the seeds of an arm that cases want for their next block, in order.
func (b *Bench) wanted(arm int, done func(arm int, seed uint64) bool) (list []uint64) {
	want := make([]bool, b.seeds)
	for _, i := range b.arms[arm].cases {
		if h := &b.progress[i]; b.waits(i) {
			for s := h.next; s < min(b.end(h.next), b.cut(h)); s++ {
				want[s] = !b.arms[arm].has(s)
			}
		}
	}
	for s, w := range want {
		if seed := uint64(b.plan.Campaign.Seeds.First + s); w && !done(arm, seed) {
			list = append(list, seed)
		}
	}
	return list
}

// waits reports whether case i is to get more seeds.
func (b *Bench) waits(i int) bool {
	h := &b.progress[i]
	return !h.done && !h.aside && (!h.control || b.asked(i))
}

// asked reports whether case i, a control, can still matter: a case that is confirmed needs none.
func (b *Bench) asked(i int) bool {
	control := &b.progress[i]
	for len(control.serves) > 0 && b.progress[control.serves[0]].confirmed { // and stays so
		control.serves = control.serves[1:]
	}
	return len(control.serves) > 0
}

// Only leaves cases out of [Bench.Needs] for which mine returns false: others make their runs.
func (b *Bench) Only(mine func(c *campaign.Case) bool) {
	for i := range b.plan.Cases {
		b.progress[i].aside = !mine(b.progress[i].Case)
	}
	b.serve()
	b.begin()
}

// serve tells each control who relies on it.
func (b *Bench) serve() {
	for i := range b.plan.Controls {
		b.progress[len(b.plan.Cases)+i].serves = nil
	}
	for i := range b.plan.Cases {
		if h := &b.progress[i]; h.Case.Control != campaign.None && !h.aside {
			control := &b.progress[len(b.plan.Cases)+h.Case.Control]
			control.serves = append(control.serves, i)
		}
	}
}

// Verdict is the verdict on a case.
type Verdict struct {
	verdict.Verdict
	Case *campaign.Case `json:"-"`
	// Family, Entry and Context say which case it is.
	Family  string           `json:"family"`
	Entry   string           `json:"entry"`
	Context campaign.Context `json:"context"`
	// Expected is what the campaign's file expects; empty for nothing. As it is no promise about a placebo, those have
	// none.
	Expected verdict.Outcome `json:"expected,omitempty"`
	// AsExpected is false when another verdict was expected.
	AsExpected bool `json:"as_expected"`
}

// Verdicts judges all cases, in the order of the plan. final says that no further run is to come: what is not seen by
// then was missed.
func (b *Bench) Verdicts(final bool) []Verdict {
	controls := b.Controls(final)
	// Placebos have a campaign of their own: among the others they would move the bar.
	var real, placebos []verdict.Case
	for i := range b.plan.Cases {
		h := &b.progress[i]
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
		c := b.progress[i].Case
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

func (b *Bench) scope(h *caseProgress) verdict.Scope {
	s := verdict.Scope{Scenario: b.plan.Arms[h.Base].Scenario.Name}
	if k := b.plan.Arms[h.Base].Kernel; k != "" {
		s.Kernels = []string{k}
	}
	if len(h.Context) > 0 {
		s.Contexts = []string{h.Context.String()}
	}
	return s
}
