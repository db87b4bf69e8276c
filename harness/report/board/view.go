package board

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// view is all that a page shows.
type view struct {
	Name, About, Title string
	Heading, Scope     string
	Confidence         string    // of intervals, in per cent
	Tallies            []tallied // of cases
	Shown              []tallied // of hypotheses, to filter by
	Short              []string
	Warnings           []string
	Ticks              []tick
	Entries            []entry
	Families           []family
	Contexts           []contextRow
	Matrix             []matrixRow
	Controls           []controlRow
	Placebos           []trial
	PlaceboNote        string
	Uncovered          []string
	Reasons            []tally
	Settings           [][2]string
	Commands           [][2]string
	Replay             string
	Several            bool // contexts
	// Page is set on the page of one hypothesis.
	Page bool
}

type tallied struct {
	Class, Mark, Word string
	N                 int
}

// entry is one hypothesis over its contexts.
type entry struct {
	ID, Name, About, Family   string
	Class, Mark, Word, Where  string
	Metric                    string
	Effect, Margin, Seeds     string
	Drawing                   drawing
	Trials                    []trial
	File                      string // of its page, where it has one
	Unexpected                bool
	Search                    string // in lower case
	Dots                      []dot  // its contexts, where there are several
	Confirmed, Ruled, Open, X int
}

// dot is a context in a hypothesis's line.
type dot struct{ Class, Mark, Title string }

type family struct {
	Name                         string
	Hypotheses                   int
	Confirmed, Ruled, Open, Void int // cases
	All                          int
}

// Percent is the share of the family's cases.
func (f family) Percent(n int) string { return fmt.Sprintf("%.2f", 100*float64(n)/float64(f.All)) }

type contextRow struct {
	Number int
	Levels []string
	family
}

type matrixRow struct {
	ID, Name string
	Cells    []dot
}

// order of outcomes on the page.
var order = []verdict.Outcome{verdict.Confirmed, verdict.RuledOut, verdict.Inconclusive, verdict.Invalid}

// newView makes everything but the trials of entries, which take the most memory.
func (s *Source) newView() *view {
	f := s.Findings
	v := &view{Name: f.Campaign, About: f.About, Heading: f.Heading(), Scope: "Scope: " + f.Scope + ".",
		Confidence: fmt.Sprintf("%.3g", 100*(1-f.FalseDiscovery)), Ticks: ticks(), Several: f.Contexts > 1}
	v.Title = fmt.Sprintf("%s: %d confirmed, %d ruled out", f.Campaign, f.Counts[verdict.Confirmed],
		f.Counts[verdict.RuledOut])
	for _, o := range order {
		v.Tallies = append(v.Tallies, tallied{looks[o].Class, looks[o].Mark, string(o), f.Counts[o]})
	}
	for i := range f.Entries {
		v.Entries = append(v.Entries, s.entry(i))
	}
	for _, t := range v.Tallies {
		t.N = 0
		for i := range v.Entries {
			if v.Entries[i].Class == t.Class {
				t.N++
			}
		}
		v.Shown = append(v.Shown, t)
	}
	slices.SortStableFunc(v.Entries, func(a, b entry) int { return rank(&a) - rank(&b) })
	v.families(f)
	v.contexts(f)
	v.Controls = s.controls()
	for i := range f.Verdicts {
		if f.Verdicts[i].Case.Placebo() {
			v.Placebos = append(v.Placebos, s.trial(i, false))
		}
	}
	v.PlaceboNote = placeboNote(f)
	v.Short, v.Warnings = short(f), warnings(s)
	v.uncovered(s)
	v.source(s)
	return v
}

func rank(e *entry) int {
	for i, o := range order {
		if looks[o].Class == e.Class {
			return i
		}
	}
	return len(order)
}

// entry makes the line of hypothesis i.
func (s *Source) entry(i int) entry {
	f := &s.Findings.Entries[i]
	look := looks[f.Outcome]
	e := entry{
		ID: fmt.Sprintf("h%d", i+1), Name: f.Name, About: f.Verdicts[0].Case.About, Family: f.Family, Class: look.Class,
		Mark: look.Mark, Word: string(f.Outcome),
		Confirmed: f.Counts[verdict.Confirmed], Ruled: f.Counts[verdict.RuledOut], Open: f.Counts[verdict.Inconclusive],
		X: f.Counts[verdict.Invalid],
	}
	e.Search = strings.ToLower(f.Name + " " + f.Family + " " + f.Verdicts[0].Hypothesis.Metric)
	telling := telling(f)
	e.Metric = telling.Hypothesis.Metric
	e.Drawing, e.Margin = draw(&telling.Verdict), telling.Hypothesis.MarginText()
	e.Effect = telling.Estimate.String()
	if telling.Hypothesis.Kind == verdict.Mechanism {
		e.Effect = telling.Verdict.Effect()
		e.Margin = ""
	}
	e.Seeds = quantity.Plural(int64(telling.Seeds), "pair")
	if telling.Seeds == 0 || telling.Outcome == verdict.Invalid {
		e.Effect = ""
	}
	for _, v := range f.Verdicts {
		e.Unexpected = e.Unexpected || !v.AsExpected
	}
	if len(f.Verdicts) > 1 {
		e.Where = fmt.Sprintf("in %d of %d contexts", f.Counts[f.Outcome], len(f.Verdicts))
		if f.Counts[f.Outcome] == len(f.Verdicts) {
			e.Where = fmt.Sprintf("in all %d contexts", len(f.Verdicts))
		}
		e.Dots = dots(f.Verdicts)
	}
	return e
}

func dots(list []cases.Verdict) []dot {
	var out []dot
	for _, v := range list {
		look := looks[v.Outcome]
		out = append(out, dot{look.Class, look.Mark, v.Context.String() + ": " + string(v.Outcome)})
	}
	return out
}

// telling is the case that a hypothesis is drawn by: of those with its verdict, the one with the largest effect.
func telling(e *findings.Entry) *cases.Verdict {
	var best *cases.Verdict
	far := func(v *cases.Verdict) float64 {
		if v.Hypothesis.Kind == verdict.Mechanism {
			return v.Estimate.Value
		}
		m := v.Hypothesis.Margins(v.Estimate.Value)
		return max(m, -m)
	}
	for i := range e.Verdicts {
		v := &e.Verdicts[i]
		switch {
		case best == nil:
			best = v
		case (v.Outcome == e.Outcome) != (best.Outcome == e.Outcome):
			if v.Outcome == e.Outcome {
				best = v
			}
		case far(v) > far(best) || best.Seeds == 0:
			best = v
		}
	}
	return best
}

func (v *view) families(f *findings.Findings) {
	at := map[string]int{}
	for i := range f.Entries {
		e := &f.Entries[i]
		n, ok := at[e.Family]
		if !ok {
			n = len(v.Families)
			at[e.Family] = n
			v.Families = append(v.Families, family{Name: e.Family})
		}
		v.Families[n].Hypotheses++
		v.Families[n].add(e.Verdicts...)
	}
}

func (f *family) add(list ...cases.Verdict) {
	for i := range list {
		f.All++
		switch list[i].Outcome {
		case verdict.Confirmed:
			f.Confirmed++
		case verdict.RuledOut:
			f.Ruled++
		case verdict.Invalid:
			f.Void++
		default:
			f.Open++
		}
	}
}

// contexts makes the table of contexts, and the matrix, in which they have their numbers.
func (v *view) contexts(f *findings.Findings) {
	if f.Contexts < 2 {
		return
	}
	number := map[string]int{}
	for i := range f.Entries {
		for _, one := range f.Entries[i].Verdicts {
			key := one.Context.String()
			n, ok := number[key]
			if !ok {
				n = len(v.Contexts)
				number[key] = n
				v.Contexts = append(v.Contexts, contextRow{Number: n + 1, Levels: levels(one.Context)})
			}
			v.Contexts[n].add(one)
		}
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		row := matrixRow{ID: fmt.Sprintf("h%d", i+1), Name: e.Name, Cells: make([]dot, len(v.Contexts))}
		for j, d := range dots(e.Verdicts) {
			row.Cells[number[e.Verdicts[j].Context.String()]] = d
		}
		v.Matrix = append(v.Matrix, row)
	}
}

func levels(c campaign.Context) []string {
	var list []string
	for _, l := range c {
		list = append(list, l.Factor+" "+l.Value)
	}
	return list
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// fileName is that of the page of a hypothesis, which is unique by its number.
func fileName(id, name string) string {
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(slug) > 60 {
		slug = strings.Trim(slug[:60], "-")
	}
	return id + "-" + slug + ".html"
}
