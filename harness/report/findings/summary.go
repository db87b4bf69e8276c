package findings

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// summary is a hypothesis that is ruled out, over the contexts in which it is.
type summary struct {
	where, pairs  string
	largest       float64 // effect, in margins
	figure, basis string
	// above names the effects that each of its cases rules out after the fact, for itself; empty where one does not.
	above string
}

func (e *Entry) summary() summary {
	var s summary
	var worst, above *cases.Verdict
	least, most, n, none := 0, 0, 0, false
	for i := range e.Verdicts {
		v := &e.Verdicts[i]
		if v.Outcome != verdict.RuledOut {
			continue
		}
		n++
		if least == 0 || v.Seeds < least {
			least = v.Seeds
		}
		most = max(most, v.Seeds)
		if worst == nil || size(*v) > size(*worst) {
			worst = v
		}
		if v.PostHoc == nil {
			none = true
		} else if above == nil || v.PostHoc.Margin > above.PostHoc.Margin {
			above = v
		}
	}
	switch {
	case n == 0 || len(e.Verdicts) == 1:
	case n == len(e.Verdicts):
		s.where = fmt.Sprintf("in all %d contexts", n)
	default:
		s.where = fmt.Sprintf("in %d of %d contexts", n, len(e.Verdicts))
	}
	if s.pairs = fmt.Sprint(least); most > least {
		s.pairs += fmt.Sprintf(" to %d", most)
	}
	if worst == nil {
		return s
	}
	s.largest, s.figure = size(*worst), worst.Effect()
	if !none {
		s.above = above.AfterTheFact()
	}
	s.basis = s.pairs + " pairs"
	if worst.Hypothesis.Kind != verdict.Mechanism {
		s.basis += fmt.Sprintf("; %s is %.2g of the margin",
			ifElse(n > 1, "the largest effect seen", "the effect seen"), s.largest)
		beyond := 0
		for i := range e.Verdicts {
			if e.Verdicts[i].Outcome == verdict.RuledOut {
				beyond += e.Verdicts[i].Beyond.Yes
			}
		}
		s.basis += "; in a typical seed, " +
			ifElse(beyond == 0, "none beyond twice the margin", fmt.Sprintf("warning: %d beyond twice the margin", beyond))
		if worst.Control.Size > verdict.LargeControl {
			s.basis += fmt.Sprintf("; warning: the control %s is large", worst.Control)
		}
	}
	if s.above != "" {
		s.basis += fmt.Sprintf("; after the fact, for %s alone, %s are ruled out too",
			ifElse(n > 1, "each case", "this case"), s.above)
	}
	if worst.Dose.Counter != "" && worst.Dose.Seeds > 0 {
		s.basis += "; dose: " + worst.Dose.String()
	}
	return s
}

func ifElse(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
