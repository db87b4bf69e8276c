package verdict

import (
	"fmt"
	"math"
)

// Dose is the proof that the cause acted: a counter of its own, added up over the seeds.
// Without it nothing is ruled out. Its zero value is an unnamed dose.
type Dose struct {
	Counter string  `json:"counter"`
	Base    float64 `json:"base"`
	Treated float64 `json:"treated"`
	// Given is the number of seeds, of Seeds, in which the counter shows the cause.
	Given int `json:"given"`
	Seeds int `json:"seeds"`
}

// ControlStatus says whether a control was seen.
type ControlStatus string

// Statuses of a control. The empty one means that no control has been run.
const (
	Seen    ControlStatus = "seen"
	Pending ControlStatus = "pending"
	Missed  ControlStatus = "missed"
)

// Control is a known effect of twice the margin that the setting must be able to see, and
// whether it did. Without it nothing is ruled out.
type Control struct {
	Name   string        `json:"name"`
	Status ControlStatus `json:"sighting"`
	// Seeds and E say how well it was seen.
	Seeds int     `json:"seeds"`
	E     float64 `json:"e"`
	// Size of its effect, in margins, above zero; 0 while it is not known.
	Size float64 `json:"size,omitempty"`
}

// What is seen with ease says nothing about what is seen just so.
const (
	// LargeControl is the size of a control, in margins, above which a verdict warns of it.
	LargeControl = 4
	// LargestControl is the size above which a control proves nothing, and nothing is ruled
	// out by it.
	LargestControl = 10
)

// String writes the control with its size: "burn, 2.1 margins".
func (c Control) String() string {
	if c.Size == 0 {
		return c.Name
	}
	return fmt.Sprintf("%s, %.1f margins", c.Name, c.Size)
}

// ControlOf turns the verdict on the control's own effect, judged with the margin of the
// hypotheses that it is to vouch for, into a control. While seeds are to come (not final),
// an inconclusive one is pending; afterwards it was missed.
func ControlOf(v Verdict, final bool) Control {
	c := Control{Name: v.Hypothesis.Name, Status: Pending, Seeds: v.Seeds, E: v.Evidence.Confirm}
	if size := math.Abs(v.Hypothesis.Margins(v.Estimate.Value)); finite(size) {
		c.Size = size
	}
	switch {
	case v.Outcome == Confirmed:
		c.Status = Seen
	case v.Outcome == RuledOut || final:
		c.Status = Missed
	case v.Evidence.RuleOut >= v.Bars.RuleOut:
		// The control of a control is not asked for.
		c.Status = Missed
	}
	return c
}

// invalid returns why nothing can be concluded from the case.
func (c Case) invalid() []Reason {
	var rs []Reason
	if c.Dose.Seeds > 0 && c.Dose.Given == 0 {
		rs = append(rs, Reason{FaultDidNotAct, fmt.Sprintf("the fault never acted: %s changed in none of %s",
			c.Dose.Counter, count(c.Dose.Seeds, "seed"))})
	}
	if c.Control.Status == Missed {
		rs = append(rs, Reason{ControlMissed, fmt.Sprintf("the control %s was not seen in %s", c.Control.Name,
			count(c.Control.Seeds, "seed"))})
	}
	s := c.State
	if !s.TooManyLost() {
		return rs
	}
	all := s.N() + s.Lost()
	for i, n := range s.lost {
		if n > 0 {
			rs = append(rs, Reason{lossCode[losses[i]], fmt.Sprintf("%s in %d of %s", losses[i], n, count(all, "seed"))})
		}
	}
	return rs
}

// unproven returns what is missing before anything could be ruled out, be the evidence as
// strong as it may.
func (c Case) unproven() []Reason {
	var rs []Reason
	switch d := c.Dose; {
	case d.Counter == "" || d.Seeds == 0:
		rs = append(rs, Reason{DoseUnknown, "no counter proves that the cause acted"})
	case d.Given < d.Seeds:
		rs = append(rs, Reason{DosePartial, fmt.Sprintf("the cause acted in %d of %s only: %s", d.Given,
			count(d.Seeds, "seed"), d.Counter)})
	}
	switch c.Control.Status {
	case Seen:
		if c.Control.Size > LargestControl {
			rs = append(rs, Reason{ControlTooLarge, fmt.Sprintf("the control %s does not show that one margin would be "+
				"seen: want about 2, and at most %d", c.Control, LargestControl)})
		}
	case Pending:
		rs = append(rs, Reason{ControlPending, fmt.Sprintf("the control %s is not seen yet after %s", c.Control.Name,
			count(c.Control.Seeds, "seed"))})
	case "":
		rs = append(rs, Reason{ControlNotRun, "no control shows that this setting can see such an effect"})
	}
	return rs
}
