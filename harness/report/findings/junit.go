package findings

import (
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// JUnit writes the verdicts for a CI system: a suite for each family, a case for each hypothesis in each context. A
// verdict that is not the expected one is a failure. What is inconclusive or invalid is skipped, with the reason,
// unless a verdict was expected; where nothing is expected, a verdict passes whatever it is.
func (f *Findings) JUnit(w io.Writer) error {
	if _, err := io.WriteString(w, report.JUnitBegin); err != nil {
		return err
	}
	for _, name := range f.families() {
		s := report.Suite{Name: f.Campaign + ": " + name,
			Properties: [][2]string{{"campaign", f.Campaign}, {"false discovery", fmt.Sprint(f.FalseDiscovery)}}}
		for i := range f.Entries {
			if f.Entries[i].Family != name {
				continue
			}
			for _, v := range f.Entries[i].Verdicts {
				s.Cases = append(s.Cases, testCase(f.Campaign, v))
			}
		}
		if err := s.Write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, report.JUnitEnd)
	return err
}

func testCase(campaign string, v cases.Verdict) report.TestCase {
	c := report.TestCase{Class: "ruleout." + campaign, Name: v.Case.Name, Output: v.Verdict.String()}
	switch {
	case !v.AsExpected:
		c.Failure = fmt.Sprintf("%s, expected %s", v.Outcome, v.Expected)
	case v.Expected == "" && (v.Outcome == verdict.Inconclusive || v.Outcome == verdict.Invalid):
		c.Skipped = string(v.Outcome)
		if len(v.Reasons) > 0 {
			c.Skipped += ": " + v.Reasons[0].Text
		}
	}
	return c
}

// families in the order in which they come.
func (f *Findings) families() []string {
	var list []string
	seen := map[string]bool{}
	for i := range f.Entries {
		if name := f.Entries[i].Family; !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}
