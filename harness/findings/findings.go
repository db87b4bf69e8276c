package findings

import (
	"cmp"
	"slices"

	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/judge"
	"github.com/ruleout/ruleout/harness/verdict"
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
	// FalseDiscovery is the share of false verdicts among the confirmed, and among the ruled out, that is promised at most.
	FalseDiscovery float64 `json:"false_discovery"`
	// Counts of cases by their verdicts.
	Counts map[verdict.Outcome]int `json:"counts"`
	// Controls that were seen, of those that had to be.
	ControlsSeen int `json:"controls_seen"`
	Controls     int `json:"controls"`
	// Placebos that were wrongly confirmed, of those planted.
	PlacebosConfirmed int `json:"placebos_confirmed"`
	Placebos          int `json:"placebos"`
	// Unexpected counts the cases whose verdict is not the one that the campaign's file expects.
	Unexpected int             `json:"unexpected"`
	Verdicts   []judge.Verdict `json:"verdicts"`
	Entries    []Entry         `json:"-"`
}

// Entry is one hypothesis over all its contexts.
type Entry struct {
	Name, Family string
	Counts       map[verdict.Outcome]int
	// Outcome is the verdict on the hypothesis: ruled out only if it is in every context, confirmed if it is in any, invalid
	// if it is in all, and inconclusive otherwise.
	Outcome  verdict.Outcome
	Verdicts []judge.Verdict
}

// Of sums up what a bench found. final says that no run is to come.
func Of(p *campaign.Plan, b *judge.Bench, final bool) *Findings {
	f := &Findings{
		Campaign: p.Campaign.Name, About: p.Campaign.About, Contexts: len(p.Contexts), Arms: len(p.Arms), Runs: b.Progress().Runs,
		FalseDiscovery: float64(*p.Campaign.FalseDiscovery), Counts: map[verdict.Outcome]int{}, Verdicts: b.Verdicts(final), Controls: len(p.Controls),
	}
	seen := make([]bool, len(p.Controls))
	at := map[string]int{}
	for _, v := range f.Verdicts {
		if v.Case.Placebo() {
			f.Placebos++
			if v.Outcome == verdict.Confirmed {
				f.PlacebosConfirmed++
			}
			continue
		}
		f.Cases++
		f.Counts[v.Outcome]++
		if !v.AsExpected {
			f.Unexpected++
		}
		if v.Case.Control != campaign.None && v.Control.Sighting == verdict.Seen {
			seen[v.Case.Control] = true
		}
		i, ok := at[v.Entry]
		if !ok {
			i = len(f.Entries)
			at[v.Entry] = i
			f.Entries = append(f.Entries, Entry{Name: v.Entry, Family: v.Family, Counts: map[verdict.Outcome]int{}})
		}
		f.Entries[i].Counts[v.Outcome]++
		f.Entries[i].Verdicts = append(f.Entries[i].Verdicts, v)
	}
	for _, s := range seen {
		if s {
			f.ControlsSeen++
		}
	}
	for i := range f.Entries {
		f.Entries[i].Outcome = f.Entries[i].outcome()
	}
	f.Hypotheses = len(f.Entries)
	return f
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

// order of outcomes: what somebody acts on comes first.
var order = []verdict.Outcome{verdict.Confirmed, verdict.RuledOut, verdict.Inconclusive, verdict.Invalid}

// with returns the verdicts of an outcome, the largest effects first.
func (f *Findings) with(o verdict.Outcome) (list []judge.Verdict) {
	for _, v := range f.Verdicts {
		if v.Outcome == o && !v.Case.Placebo() {
			list = append(list, v)
		}
	}
	slices.SortStableFunc(list, func(a, b judge.Verdict) int { return cmp.Compare(size(b), size(a)) })
	return list
}

// size of an effect in margins.
func size(v judge.Verdict) float64 {
	if v.Hypothesis.Kind == verdict.Mechanism {
		return 0
	}
	margin := v.Hypothesis.Margin
	if v.Hypothesis.Scale == verdict.Ratio {
		margin *= 100 // estimates are in per cent
	}
	return max(v.Estimate.Value, -v.Estimate.Value) / margin
}

// AsExpected reports whether all verdicts are those that the file expects.
func (f *Findings) AsExpected() bool { return f.Unexpected == 0 }
