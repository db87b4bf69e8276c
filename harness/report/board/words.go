package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// fewConfirmed is how many of the confirmed are listed first.
const fewConfirmed = 8

// short says in a few sentences what was found.
func short(f *findings.Findings) []string {
	var list []string
	confirmed := 0
	told := map[string]bool{}
	for _, v := range f.With(verdict.Confirmed) { // the largest first
		if told[v.Entry] {
			continue
		}
		told[v.Entry] = true
		if confirmed++; confirmed > fewConfirmed {
			continue
		}
		claim := v.Verdict
		claim.Hypothesis.Name = v.Entry
		text := claim.Claim() + ": " + v.Effect()
		if len(v.Context) > 0 {
			text += ", with " + v.Context.String()
		}
		list = append(list, text+".")
	}
	if confirmed > fewConfirmed {
		list = append(list,
			fmt.Sprintf("… and %s that are confirmed.", quantity.Plural(int64(confirmed-fewConfirmed), "more hypothesis")))
	}
	if len(list) == 0 {
		list = append(list, "Nothing is confirmed.")
	}
	ruledOut := 0
	for i := range f.Entries {
		if f.Entries[i].Outcome == verdict.RuledOut {
			ruledOut++
		}
	}
	if ruledOut > 0 {
		text := fmt.Sprintf("%s ruled out", quantity.Plural(int64(ruledOut), "hypothesis")+is(ruledOut))
		if f.Contexts > 1 {
			text += " in every context"
		}
		list = append(list, text+", within the scope above and for effects as large as the margins.")
	}
	return list
}

func is(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// warnings are what should be known before anything is believed.
func warnings(s *Source) []string {
	f := s.Findings
	var list []string
	if f.Unexpected > 0 {
		list = append(list, fmt.Sprintf("%s another verdict than the campaign expects; they are marked.",
			quantity.Plural(int64(f.Unexpected), "case")+has(f.Unexpected)))
	}
	if n := f.Undecided; n > 0 {
		list = append(list, fmt.Sprintf("%s not had all the seeds that they may have: the sweep ended early. "+
			"What is inconclusive may yet become something else.",
			quantity.Plural(int64(n), "case")+has(n)))
	}
	missed := 0
	for _, c := range s.Analysis.Controls(s.Final) {
		if c.Status == verdict.Missed {
			missed++
		}
	}
	if missed > 0 {
		list = append(list,
			fmt.Sprintf("%s missed: what relies on them is invalid.", quantity.Plural(int64(missed), "control")+was(missed)))
	}
	if f.PlacebosConfirmed > 0 {
		list = append(list, fmt.Sprintf("%s confirmed, although nothing differed between the two halves of their seeds.",
			quantity.Plural(int64(f.PlacebosConfirmed), "placebo")+was(f.PlacebosConfirmed)))
	}
	return list
}

func has(n int) string {
	if n == 1 {
		return " has"
	}
	return " have"
}

func was(n int) string {
	if n == 1 {
		return " was"
	}
	return " were"
}

func placeboNote(f *findings.Findings) string {
	if f.Placebos == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s confirmed. Of hypotheses without a cause none should be: "+
		"one that is shows that something is wrong. How often other verdicts are false "+
		"they do not show, since they are few and nothing in them is near its margin.", f.PlacebosConfirmed,
		quantity.Plural(int64(f.Placebos), "placebo")+was(f.Placebos))
}

// uncovered says what this campaign cannot tell.
func (v *view) uncovered(s *Source) {
	f, c := s.Findings, s.Plan.Campaign
	if f.Undecided > 0 {
		v.Uncovered = append(v.Uncovered, fmt.Sprintf("%s undecided: the same sweep continues from there.",
			quantity.Plural(int64(f.Undecided), "case")+is(f.Undecided)))
	}
	if n := f.Counts[verdict.Inconclusive]; n > 0 {
		v.Uncovered = append(v.Uncovered,
			fmt.Sprintf("%s inconclusive: neither confirmed nor ruled out, also if its figure suggests one.",
				quantity.Plural(int64(n), "case")+is(n)))
	}
	if n := f.Counts[verdict.Invalid]; n > 0 {
		v.Uncovered = append(v.Uncovered,
			fmt.Sprintf("%s invalid: the test itself did not work, which says nothing about the suspicion.",
				quantity.Plural(int64(n), "case")+is(n)))
	}
	if c.Cover != campaign.All && len(c.Factors) > 0 {
		v.Uncovered = append(v.Uncovered,
			fmt.Sprintf("Contexts cover all %s of the factors' values, not all combinations.", c.Cover))
	}
	for i := range c.Factors {
		if c.Factors[i].Range != nil {
			v.Uncovered = append(v.Uncovered, fmt.Sprintf("Of the range of %s, only samples were tried.", c.Factors[i].Name))
		}
	}
	v.Reasons = reasonsOf(f.Verdicts)
}

// source says where everything comes from, and which commands go on from here.
func (v *view) source(s *Source) {
	add := func(name, value string) {
		if value != "" {
			v.Settings = append(v.Settings, [2]string{name, value})
		}
	}
	c := s.Plan.Campaign
	add("campaign", s.File)
	add("scenario", s.Plan.Base)
	for _, name := range slices.Sorted(maps.Keys(s.Kernels)) {
		add("kernel", strings.TrimSpace(name+" "+s.Kernels[name]))
	}
	add("seeds", fmt.Sprintf("from %d: %d at the least, %d at the most", c.Seeds.First, c.Seeds.Least, c.Seeds.Most))
	add("arms", quantity.Count(int64(len(s.Plan.Arms))))
	add("runs", quantity.Count(int64(s.Findings.Runs)))
	for _, path := range slices.Sorted(maps.Keys(c.Set)) {
		add("set in all arms", path+" = "+c.Set[path])
	}
	add("ruleout", s.Tool)
	if s.Dir == "" {
		return
	}
	if s.Kept {
		v.Commands = [][2]string{
			{"evaluate the same numbers again", "ruleout verdict " + s.Dir},
			{"all runs, with their digests", "ruleout results list " + s.Dir},
		}
		return
	}
	v.Replay = "ruleout replay --from " + s.Dir + " RUN"
	v.Commands = [][2]string{
		{"evaluate the same records again", "ruleout verdict " + s.Dir},
		{"repeat a run of the tables, and compare it to the bit", v.Replay},
		{"the page of a run", "ruleout report --run RUN " + s.Dir + " -o run.html"},
		{"all records", "ruleout results list " + s.Dir},
	}
}
