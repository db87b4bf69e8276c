package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Findings are the verdicts on a campaign, with what sums them up.
type Findings struct {
	Campaign string `json:"campaign"`
	About    string `json:"about,omitempty"`
	// Hypotheses are counted without their contexts; Cases are the two together, placebos apart.
	Hypotheses int `json:"hypotheses"`
	Contexts   int `json:"contexts"`
	Cases      int `json:"cases"`
	Arms       int `json:"arms"`
	Runs       int `json:"runs"`
	// FalseDiscovery is the share of false verdicts among the confirmed, and among the ruled out, that is
	// promised at most.
	FalseDiscovery float64 `json:"false_discovery"`
	// Scope is what all verdicts hold for: scenario, kernels and seeds.
	Scope string `json:"scope"`
	// Counts of cases by their verdicts.
	Counts map[verdict.Outcome]int `json:"counts"`
	// Controls that were seen, of those that had to be.
	ControlsSeen int `json:"controls_seen"`
	Controls     int `json:"controls"`
	// Placebos that were wrongly confirmed, of those planted.
	PlacebosConfirmed int `json:"placebos_confirmed"`
	Placebos          int `json:"placebos"`
	// Undecided counts the cases that have neither had enough nor all their seeds: the sweep ended before.
	Undecided int `json:"undecided"`
	// Unexpected counts the cases whose verdict is not the one that the campaign's file expects.
	Unexpected int             `json:"unexpected"`
	Verdicts   []cases.Verdict `json:"verdicts,omitempty"`
	Entries    []Entry         `json:"-"`
}

// Entry is one hypothesis over all its contexts.
type Entry struct {
	Name, Family string
	Counts       map[verdict.Outcome]int
	// Outcome is the verdict on the hypothesis: ruled out only if it is in every context, confirmed if it is in any,
	// invalid if it is in all, and inconclusive otherwise.
	Outcome  verdict.Outcome
	Verdicts []cases.Verdict
}

// Of sums up what an analysis found. final says that no run is to come.
func Of(p *campaign.Plan, an *cases.Analysis, final bool) *Findings {
	f := &Findings{
		Campaign: p.Campaign.Name, About: p.Campaign.About, Contexts: len(p.Contexts), Arms: len(p.Arms),
		Runs:           an.Progress().Runs,
		FalseDiscovery: float64(*p.Campaign.FalseDiscovery), Counts: map[verdict.Outcome]int{}, Verdicts: an.Verdicts(final),
	}
	f.Scope = scope(p)
	// One that no case needs, as all that rely on it are confirmed, is not run, and not missing either.
	for _, c := range an.Controls(final) {
		seen := c.Status == verdict.Seen
		if seen {
			f.ControlsSeen++
		}
		if seen || c.Asked {
			f.Controls++
		}
	}
	at := map[string]int{}
	for i, v := range f.Verdicts {
		if v.Case.Placebo() {
			f.Placebos++
			if v.Outcome == verdict.Confirmed {
				f.PlacebosConfirmed++
			}
			continue
		}
		f.Cases++
		f.Counts[v.Outcome]++
		if !an.Decided(i) {
			f.Undecided++
		}
		if !v.AsExpected {
			f.Unexpected++
		}
		n, ok := at[v.Entry]
		if !ok {
			n = len(f.Entries)
			at[v.Entry] = n
			f.Entries = append(f.Entries, Entry{Name: v.Entry, Family: v.Family, Counts: map[verdict.Outcome]int{}})
		}
		f.Entries[n].Counts[v.Outcome]++
		f.Entries[n].Verdicts = append(f.Entries[n].Verdicts, v)
	}
	for i := range f.Entries {
		f.Entries[i].Outcome = f.Entries[i].outcome()
	}
	f.Hypotheses = len(f.Entries)
	return f
}

// scope says in a line what the plan's verdicts are about.
func scope(p *campaign.Plan) string {
	parts := []string{"scenario " + p.Arms[0].Scenario.Name}
	var kernels []string
	for _, k := range p.Kernels() {
		if k != "" {
			kernels = append(kernels, k)
		}
	}
	if len(kernels) > 0 {
		parts = append(parts, "kernels "+strings.Join(kernels, ", "))
	}
	for i := range p.Campaign.Factors {
		f := &p.Campaign.Factors[i]
		if r := f.Range; r != nil {
			parts = append(parts, fmt.Sprintf("%s from %s to %s", f.Name, r.From, r.To))
		} else if labels := f.Labels(); len(f.Kernels) == 0 {
			parts = append(parts, f.Name+" "+strings.Join(labels, ", "))
		}
	}
	s := p.Campaign.Seeds
	parts = append(parts, fmt.Sprintf("seeds %d to %d at the most", s.First, s.First+s.Most-1))
	return strings.Join(parts, "; ")
}

func (e *Entry) outcome() verdict.Outcome {
	n := len(e.Verdicts)
	switch {
	case e.Counts[verdict.Confirmed] > 0:
		return verdict.Confirmed
	case e.Counts[verdict.RuledOut] == n:
		return verdict.RuledOut
	case e.Counts[verdict.Invalid] == n:
		return verdict.Invalid
	}
	return verdict.Inconclusive
}

// order of outcomes: what needs action comes first.
var order = []verdict.Outcome{verdict.Confirmed, verdict.RuledOut, verdict.Inconclusive, verdict.Invalid}

// With returns the verdicts of an outcome, placebos apart: those of the highest priority first, and of these the
// largest effects.
func (f *Findings) With(o verdict.Outcome) (list []cases.Verdict) {
	for _, v := range f.Verdicts {
		if v.Outcome == o && !v.Case.Placebo() {
			list = append(list, v)
		}
	}
	slices.SortStableFunc(list, func(a, b cases.Verdict) int {
		return cmp.Or(cmp.Compare(b.Case.Priority, a.Case.Priority), cmp.Compare(size(b), size(a)))
	})
	return list
}

// size of an effect in margins.
func size(v cases.Verdict) float64 {
	if v.Hypothesis.Kind == verdict.Mechanism || v.Seeds == 0 {
		return 0
	}
	m := v.Hypothesis.Margins(v.Estimate.Value)
	return max(m, -m)
}

// Contradicted reports whether a case is decided in another way than the campaign expects. An inconclusive one is not
// decided: where the budget is spent, its control may not have been run.
func (f *Findings) Contradicted(an *cases.Analysis) bool {
	for i := range f.Verdicts {
		if v := &f.Verdicts[i]; !v.AsExpected && v.Outcome != verdict.Inconclusive && an.Decided(i) {
			return true
		}
	}
	return false
}

// AsExpected reports whether all verdicts are those that the file expects.
func (f *Findings) AsExpected() bool { return f.Unexpected == 0 }
