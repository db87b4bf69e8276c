package board

import (
	"github.com/ruleout/ruleout/harness/report/findings"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Source is what a page is made of.
type Source struct {
	Plan     *campaign.Plan
	Analysis *cases.Analysis
	Findings *findings.Findings
	// Final is as in [cases.Analysis.Verdicts].
	Final bool
	// Dir is the archive's directory, as it is typed in commands; File the campaign's file.
	Dir, File string
	// Kept says that only numbers are in it, and no run can be had from it.
	Kept bool
	// Tool is the build that made the runs, Kernels the releases for the plan's names.
	Tool    string
	Kernels map[string]string
	// Run returns the digits by which the run of an arm with a seed is known, or nothing when it is not there.
	Run func(arm int, seed uint64) string
}

// Most is how many pairs are on a page of their own; with more, a campaign is a directory.
const Most = 4000

// Pairs counts what all verdicts rest on.
func (s *Source) Pairs() int {
	n := 0
	for i := range s.Findings.Verdicts {
		n += s.Findings.Verdicts[i].Seeds + s.Findings.Verdicts[i].Lost
	}
	return n
}
