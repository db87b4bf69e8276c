package board

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// trial is one case, a hypothesis in one context, with its evidence.
type trial struct {
	Class, Mark, Word string
	Context           string
	Claim, Effect     string
	Figure            string // the effect in short
	Basis             []string
	Drawing           drawing
	Settings          []setting
	Strip             string
	StripHigh         int
	Explains          bool
	Pairs             []pair
	Unexpected        string
}

// setting is a path that arms differ in, or have in common.
type setting struct{ Who, What string }

// pair is a row of the table of pairs. Runs are those of base and treated, and of the two relieved ones.
type pair struct {
	Seed, Base, Treated, Change, Margins, Loss string
	RelievedBase, RelievedTreated              string
	Runs                                       []string
	Beyond                                     bool
}

// looks of outcomes: nothing is said by colour alone.
var looks = map[verdict.Outcome]struct{ Class, Mark string }{
	verdict.Confirmed: {"confirmed", "C"}, verdict.RuledOut: {"ruled", "R"},
	verdict.Inconclusive: {"open", "I"}, verdict.Invalid: {"void", "X"},
}

// trial makes what is shown of case i.
func (s *Source) trial(i int, pairs bool) trial {
	v := &s.Findings.Verdicts[i]
	look := looks[v.Outcome]
	t := trial{
		Class: look.Class, Mark: look.Mark, Word: string(v.Outcome), Context: v.Context.String(), Claim: v.Claim(),
		Effect: v.Effect(), Basis: v.Basis(), Drawing: draw(&v.Verdict), Explains: v.Hypothesis.Kind == verdict.Explains,
	}
	if t.Figure = v.Estimate.String(); v.Hypothesis.Kind == verdict.Mechanism {
		t.Figure = t.Effect
	}
	if v.Seeds == 0 || v.Outcome == verdict.Invalid {
		t.Effect, t.Figure = "", ""
	}
	if !v.AsExpected {
		t.Unexpected = string(v.Expected)
	}
	t.settings(s.Plan, v.Case)
	if pairs {
		t.pairs(s, i)
	}
	return t
}

// settings says what the arms are: what they have in common, and what the treated one has besides.
func (t *trial) settings(p *campaign.Plan, c *campaign.Case) {
	base := p.Arms[c.Base].Set
	add := func(who string, m map[string]string) {
		for _, path := range slices.Sorted(maps.Keys(m)) {
			t.Settings = append(t.Settings, setting{who, path + " = " + m[path]})
			who = ""
		}
	}
	if c.Placebo() {
		add("both halves", base)
		return
	}
	add("both arms", base)
	add("the cause", beyond(p.Arms[c.Treated].Set, base))
	if c.BaseRelieved != campaign.None {
		add("relieved", beyond(p.Arms[c.BaseRelieved].Set, base))
	}
}

// beyond returns what of m is not the same in base.
func beyond(m, base map[string]string) map[string]string {
	out := map[string]string{}
	for path, value := range m {
		if was, ok := base[path]; !ok || was != value {
			out[path] = value
		}
	}
	return out
}

func (t *trial) pairs(s *Source, i int) {
	c := &s.Plan.Cases[i]
	m, _ := metric.Lookup(c.Metric)
	value := m.Format
	var points []float64
	for _, p := range s.Analysis.Pairs(i) {
		row := pair{Seed: fmt.Sprint(p.Seed), Loss: string(p.Loss)}
		if c.Placebo() {
			row.Seed = fmt.Sprintf("%d, %d", p.Seed, p.Treated)
		}
		row.Runs = append(row.Runs, s.Run(c.Base, p.Seed), s.Run(c.Treated, p.Treated))
		if p.Loss == verdict.Broken {
			row.Base, row.Treated, row.Change, row.Margins = "–", "–", "–", "–"
			points = append(points, math.NaN())
			t.Pairs = append(t.Pairs, row)
			continue
		}
		row.Base, row.Treated = value(p.Base), value(p.Pair.Treated)
		row.Change = change(c, p.Pair, value)
		far, loss := c.PairMargins(p.Pair)
		if p.Relieved != nil {
			row.RelievedBase, row.RelievedTreated = value(p.Relieved.Base), value(p.Relieved.Treated)
			row.Runs = append(row.Runs, s.Run(c.BaseRelieved, p.Seed), s.Run(c.TreatedRelieved, p.Treated))
			left, alsoLost := c.PairMargins(*p.Relieved)
			if far -= left; loss == "" {
				loss = alsoLost
			}
		}
		if loss != "" {
			row.Margins, far = "–", math.NaN()
		} else if c.Kind != verdict.Mechanism {
			row.Margins = fmt.Sprintf("%+.2f", far)
			row.Beyond = t.Word != string(verdict.Confirmed) && math.Abs(far) > s.Findings.Verdicts[i].Rule.Beyond
		}
		points = append(points, far)
		t.Pairs = append(t.Pairs, row)
	}
	if c.Kind != verdict.Mechanism {
		t.Strip, t.StripHigh = strip(points), rowHigh*len(points)
	}
}

// change is the difference of a pair as people read it.
func change(c *campaign.Case, p verdict.Pair, value func(float64) string) string {
	_, loss := c.PairMargins(p)
	switch d := p.Treated - p.Base; {
	case loss != "":
		return "–"
	case d == 0:
		return "0"
	case c.Scale == verdict.Ratio && p.Base != 0:
		return fmt.Sprintf("%+.2f %%", 100*d/p.Base)
	case d < 0:
		return "−" + value(-d)
	default:
		return "+" + value(d)
	}
}

// controlRow is a control as the page lists it.
type controlRow struct {
	Name, Context, Metric, Margin, Effect, How string
	Class                                      string
}

func (s *Source) controls() []controlRow {
	var list []controlRow
	for _, c := range s.Analysis.Controls(s.Final) {
		one := controlRow{
			Name: c.Name, Context: c.Case.Context.String(), Metric: c.Case.Metric, Margin: c.Case.MarginText(),
			Effect: c.Estimate.String(),
			How: fmt.Sprintf("%s%s in %s, e = %s", c.Status, sized(c.Control), quantity.Plural(int64(c.Seeds), "pair"),
				verdict.EValue(c.E)), Class: "open",
		}
		switch {
		case c.Seeds == 0 && !c.Asked:
			one.How, one.Effect = "not needed", ""
		case c.Seeds == 0:
			one.How, one.Effect = "not run yet", ""
		case c.Status == verdict.Seen && c.Size <= verdict.LargestControl:
			one.Class = "seen"
		case c.Status == verdict.Missed:
			one.Class = "void"
		}
		list = append(list, one)
	}
	return list
}

// sized says how large a control is, and whether that is too large.
func sized(c verdict.Control) string {
	switch {
	case c.Status != verdict.Seen || c.Size == 0:
		return ""
	case c.Size > verdict.LargestControl:
		return fmt.Sprintf(", but %.1f margins large, which proves nothing,", c.Size)
	case c.Size > verdict.LargeControl:
		return fmt.Sprintf(", but large: %.1f margins,", c.Size)
	}
	return fmt.Sprintf(", %.1f margins,", c.Size)
}

// reasonsOf counts why cases are not decided, most frequent first, without the figures in which they differ.
func reasonsOf(list []cases.Verdict) []tally {
	counts := map[string]int{}
	for _, v := range list {
		if v.Case.Placebo() || v.Outcome != verdict.Inconclusive && v.Outcome != verdict.Invalid {
			continue
		}
		for _, r := range v.Reasons {
			counts[strings.ReplaceAll(string(r.Code), "-", " ")]++
		}
	}
	var out []tally
	for name, n := range counts {
		out = append(out, tally{name, n})
	}
	slices.SortFunc(out, func(a, b tally) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

type tally struct {
	Name string
	N    int
}
