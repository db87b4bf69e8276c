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
func (an *Analysis) Needs(done func(arm int, seed uint64) bool) []Need {
	return an.First(len(an.arms), done)
}

// Finished reports whether no case wants another run.
func (an *Analysis) Finished() bool {
	return len(an.First(1, func(int, uint64) bool { return false })) == 0
}

// First lists the first so many of [Analysis.Needs]. It costs no more than these.
func (an *Analysis) First(most int, done func(arm int, seed uint64) bool) (list []Need) {
	an.settle()
	for _, a := range an.order {
		if len(list) == most {
			break
		}
		n := an.wishes[a].Need
		if n.Seeds = an.wanted(a, done); len(n.Seeds) > 0 {
			list = append(list, n)
		}
	}
	return list
}

// wanted are the seeds of an arm that cases want for their next block, in order.
func (an *Analysis) wanted(arm int, done func(arm int, seed uint64) bool) (list []uint64) {
	want := make([]bool, an.seeds)
	for _, i := range an.arms[arm].cases {
		if h := &an.progress[i]; an.waits(i) {
			for s := h.next; s < min(an.end(h.next), an.cut(h)); s++ {
				want[s] = !an.arms[arm].has(s)
			}
		}
	}
	for s, w := range want {
		if seed := uint64(an.plan.Campaign.Seeds.First + s); w && !done(arm, seed) {
			list = append(list, seed)
		}
	}
	return list
}

// waits reports whether case i is to get more seeds.
func (an *Analysis) waits(i int) bool {
	h := &an.progress[i]
	return !h.done && !h.aside && (!h.control || an.asked(i))
}

// asked reports whether case i, a control, can still matter: a case that is confirmed needs none.
func (an *Analysis) asked(i int) bool {
	control := &an.progress[i]
	for len(control.serves) > 0 && an.progress[control.serves[0]].confirmed { // and stays so
		control.serves = control.serves[1:]
	}
	return len(control.serves) > 0
}

// Only leaves cases out of [Analysis.Needs] for which mine returns false: others make their runs.
func (an *Analysis) Only(mine func(c *campaign.Case) bool) {
	for i := range an.plan.Cases {
		an.progress[i].aside = !mine(an.progress[i].Case)
	}
	an.serve()
	an.begin()
}

// serve tells each control who relies on it.
func (an *Analysis) serve() {
	for i := range an.plan.Controls {
		an.progress[len(an.plan.Cases)+i].serves = nil
	}
	for i := range an.plan.Cases {
		if h := &an.progress[i]; h.Case.Control != campaign.None && !h.aside {
			control := &an.progress[len(an.plan.Cases)+h.Case.Control]
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
func (an *Analysis) Verdicts(final bool) []Verdict {
	controls := an.Controls(final)
	// Placebos have a campaign of their own: among the others they would move the bar.
	var real, placebos []verdict.Case
	for i := range an.plan.Cases {
		h := &an.progress[i]
		c := verdict.Case{State: h.state, Dose: h.dose, Scope: an.scope(h)}
		if h.Case.Control != campaign.None {
			c.Control = controls[h.Case.Control].Control
		}
		if h.Placebo() {
			placebos = append(placebos, c)
		} else {
			real = append(real, c)
		}
	}
	judged, sham := verdict.Campaign(an.rule.Alpha, real), verdict.Campaign(an.rule.Alpha, placebos)
	list := make([]Verdict, 0, len(an.plan.Cases))
	for i := range an.plan.Cases {
		c := an.progress[i].Case
		v := Verdict{Case: c, Family: c.Family, Entry: c.Entry, Context: c.Context, Expected: c.Expected, AsExpected: true}
		if c.Placebo() {
			v.Verdict, sham = sham[0], sham[1:]
		} else {
			v.Verdict, judged = judged[0], judged[1:]
			v.PostHoc = an.postHoc(i, real[0], v.Verdict)
			real = real[1:]
		}
		if c.Expected != "" {
			v.AsExpected = v.Outcome == c.Expected
		}
		list = append(list, v)
	}
	return list
}

// postHoc returns which other margin the seeds of case i rule out, if any is worth saying.
func (an *Analysis) postHoc(i int, c verdict.Case, v verdict.Verdict) *verdict.PostHoc {
	if v.Outcome != verdict.RuledOut && v.Outcome != verdict.Inconclusive {
		return nil
	}
	h := an.progress[i].Hypothesis
	var differences []float64
	for _, p := range an.Pairs(i) {
		if p.Loss != "" {
			continue
		}
		d, _ := h.PairMargins(p.Pair)
		if p.Relieved != nil {
			relieved, _ := h.PairMargins(*p.Relieved)
			d -= relieved
		}
		differences = append(differences, d)
	}
	return c.PostHoc(v, differences)
}

func (an *Analysis) scope(h *caseProgress) verdict.Scope {
	s := verdict.Scope{Scenario: an.plan.Arms[h.Base].Scenario.Name}
	if k := an.plan.Arms[h.Base].Kernel; k != "" {
		s.Kernels = []string{k}
	}
	if len(h.Context) > 0 {
		s.Contexts = []string{h.Context.String()}
	}
	return s
}
