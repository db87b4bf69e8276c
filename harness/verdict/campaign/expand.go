package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict"
)

// expand works out arms and cases. Mistakes that show only here are reported at their place in the file.
func (v *validation) expand() *Plan {
	e := &expansion{validation: v, plan: &Plan{Campaign: v.Campaign, Base: v.file}, arms: map[string]int{},
		controls: map[string]int{}}
	points := v.contexts()
	for i := range v.Hypotheses {
		h, path := &v.Hypotheses[i], fmt.Sprintf("hypotheses[%d]", i)
		for _, w := range combinations(h.Each) {
			for _, m := range v.measured(h, path) {
				for _, at := range points {
					if !v.Sound(path) || !v.Sound(m.at) || !v.Sound("factors") || !v.Sound("set") {
						break // every case would say the same
					}
					if len(e.plan.Cases) >= mostCases {
						v.Fail(path, fmt.Sprintf("more than %d cases", mostCases), "fewer factors, or cover: pairs")
						return nil
					}
					e.add(path, &m, w, at)
				}
			}
		}
	}
	for _, at := range points {
		e.plan.Contexts = append(e.plan.Contexts, at.context)
	}
	e.plant()
	return e.plan
}

type expansion struct {
	*validation
	plan     *Plan
	arms     map[string]int // by hash and kernel
	controls map[string]int // by what makes them differ
}

// point is a context with what it sets.
type point struct {
	context  Context
	settings settings
	kernel   string
}

// arm returns the index of the arm with these settings, or None after a mistake in them.
func (e *expansion) arm(path string, s settings, kernel string, priority int) int {
	sc := e.scenarioWith(s, path)
	if sc == nil {
		return None
	}
	hash := sc.Hash()
	key := hash + " " + kernel
	i, ok := e.arms[key]
	if !ok {
		i = len(e.plan.Arms)
		e.arms[key] = i
		e.plan.Arms = append(e.plan.Arms,
			Arm{Scenario: sc, Hash: hash, Kernel: kernel, Set: s.asMap(), Priority: priority, at: path})
	}
	e.plan.Arms[i].Priority = max(e.plan.Arms[i].Priority, priority)
	return i
}

// add makes one case.
func (e *expansion) add(path string, h *measured, w words, at point) {
	base := settings(nil).with(e.Set).with(maps.Clone(at.settings.asMap())).with(w.inAll(h.Base))
	cause, relieved := w.inAll(h.Cause), w.inAll(h.Relieved)
	where := func(key string) string { // the mistake's place
		if e.Written(path + "." + key) {
			return path + "." + key
		}
		return path
	}
	c := Case{
		Entry: w.in(h.Name), Family: w.in(h.Family), About: w.in(h.About), Context: at.context, Dose: w.in(h.Dose),
		TreatedRelieved: None, BaseRelieved: None, Control: None, Priority: h.Priority, Expected: outcomes[h.Expect],
	}
	if c.Family == "" {
		c.Family = word.ReplaceAllString(h.Name, "…")
	}
	if c.Base = e.arm(where("base"), base, at.kernel, h.Priority); c.Base == None {
		return
	}
	if c.Treated = e.arm(where("cause"), base.with(cause), at.kernel, h.Priority); c.Treated == None {
		return
	}
	if c.Treated == c.Base {
		e.Fail(where("cause"), "the two arms are equal: the cause changes nothing of the scenario",
			"the scenario has it already, or base undoes it")
		return
	}
	if h.Kind == verdict.Explains {
		c.BaseRelieved = e.arm(where("relieved"), base.with(relieved), at.kernel, h.Priority)
		c.TreatedRelieved = e.arm(where("relieved"), base.with(relieved).with(cause), at.kernel, h.Priority)
		switch {
		case c.BaseRelieved == None || c.TreatedRelieved == None:
			return
		case c.TreatedRelieved == c.Treated:
			e.Fail(where("relieved"), "what is relieved changes nothing of the scenario", "")
			return
		}
	}
	var ok bool
	if c.Hypothesis, ok = e.hypothesis(path, h, w, at, e.plan.Arms[c.Treated].Scenario); !ok {
		return
	}
	if c.Dose != "" {
		if _, err := expect.Metric(c.Dose, e.plan.Arms[c.Treated].Scenario); err != nil {
			e.Fail(path+".dose", err.Error(), problem.HintOf(err))
			return
		}
	}
	if h.Control != "" {
		if c.Control = e.control(h, &c, at, base); c.Control == None {
			return
		}
	}
	e.plan.Cases = append(e.plan.Cases, c)
}

var outcomes = map[string]verdict.Outcome{
	"confirmed": verdict.Confirmed, "ruled-out": verdict.RuledOut, "inconclusive": verdict.Inconclusive,
}

// hypothesis says what is compared, in package verdict's terms.
func (e *expansion) hypothesis(path string, h *measured, w words, at point,
	s *scenario.Scenario) (verdict.Hypothesis, bool) {
	name := w.in(h.Name)
	if len(at.context) > 0 {
		name += " (" + at.context.String() + ")"
	}
	out := verdict.Hypothesis{Name: name, Kind: h.Kind, Metric: w.in(h.Metric), Direction: h.Direction, Extent: h.In,
		Relieved: relieves(w.inAll(h.Relieved))}
	m, err := expect.Metric(out.Metric, s)
	if err != nil {
		e.Fail(h.at+".metric", err.Error(), problem.HintOf(err))
		return out, false
	}
	text := w.in(h.Margin)
	if h.Kind == verdict.Mechanism && text == "" {
		text = "1"
	}
	if err := setMargin(&out, text, m, h.Absolute); err != nil {
		e.Fail(h.at+".margin", err.Error(), problem.HintOf(err))
		return out, false
	}
	if err := out.Check(); err != nil {
		e.Fail(path, err.Error(), "")
		return out, false
	}
	return out, true
}

// relieves names what is relieved.
func relieves(m map[string]string) string {
	var list []string
	for _, path := range slices.Sorted(maps.Keys(m)) {
		list = append(list, path+" "+m[path])
	}
	return strings.Join(list, ", ")
}

// control returns the index of the control for a case, which is made when it is the first that needs it. It is as
// urgent as the most urgent case that it serves, and no more: controls that all come first leave nothing judged when a
// sweep ends early.
func (e *expansion) control(h *measured, c *Case, at point, base settings) int {
	from := e.Controls[h.Control]
	key := fmt.Sprintf("%s|%s|%s|%v|%s|%d", h.Control, c.Metric, c.Scale, c.Margin, at.context, c.Base)
	if i, ok := e.controls[key]; ok {
		k := &e.plan.Controls[i]
		k.Priority = max(k.Priority, h.Priority)
		return i
	}
	path := yamldoc.Join("controls", h.Control)
	calm := base.with(from.Base)
	k := Case{
		Entry: h.Control, Family: "controls", Context: at.context,
		TreatedRelieved: None, BaseRelieved: None, Control: None, Priority: h.Priority,
	}
	k.Hypothesis = verdict.Hypothesis{
		Name: h.Control, Kind: verdict.Effect, Metric: c.Metric, Direction: verdict.Either, Scale: c.Scale,
		Margin: c.Margin, Unit: c.Unit,
	}
	if h.Kind == verdict.Mechanism {
		k.Scale, k.Unit = verdict.Difference, ""
	}
	k.Base = e.arm(path, calm, at.kernel, k.Priority)
	k.Treated = e.arm(path+".cause", calm.with(from.Cause), at.kernel, k.Priority)
	switch {
	case k.Base == None || k.Treated == None:
		return None
	case k.Base == k.Treated:
		e.Fail(path+".cause", "the two arms of the control are equal", "")
		return None
	}
	e.controls[key] = len(e.plan.Controls)
	e.plan.Controls = append(e.plan.Controls, k)
	return len(e.plan.Controls) - 1
}

// plant adds placebos: cases whose two arms are one, spread evenly over the others. A mechanism has none: a hypothesis
// cannot say what a counter does between two seeds of one arm.
func (e *expansion) plant() {
	var from []int
	for i, c := range e.plan.Cases {
		if c.Kind != verdict.Mechanism {
			from = append(from, i)
		}
	}
	n := (len(from)*e.Placebos + 99) / 100
	for i := range n {
		c := e.plan.Cases[from[i*len(from)/n]]
		c.Kind, c.Relieved, c.Direction = verdict.Effect, "", verdict.Either
		c.Name = "placebo: " + c.Name
		c.Entry, c.Family, c.About = "placebo", "placebos",
			"Two halves of the seeds of one arm, which differ in nothing but chance."
		c.Treated, c.TreatedRelieved, c.BaseRelieved = c.Base, None, None
		c.Dose, c.Expected = "", ""
		e.plan.Cases = append(e.plan.Cases, c)
	}
}
