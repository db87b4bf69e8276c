package report

import (
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

// Story is what a report says beyond the record, for programs: words for the faults, and what moved while they acted.
type Story struct {
	Record   string `json:"record,omitempty"` // file
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	Seed     uint64 `json:"seed"`
	Kernel   string `json:"kernel"`
	Digest   string `json:"digest"`
	// Outcome is one of the words of [Outcome], Because says why.
	Outcome        string         `json:"outcome"`
	Because        string         `json:"because"`
	InvalidBecause result.Reasons `json:"invalid_because"`

	Faults    []FaultStory         `json:"faults"`
	Headlines []string             `json:"headlines"`
	Changes   []effect.Comparison  `json:"changes"`
	Expect    []result.Expectation `json:"expect"`
	// Programs of images; absent where there are none.
	Programs []ProgramStory `json:"programs,omitempty"`
}

// ProgramStory is what became of a program, in words and numbers.
type ProgramStory struct {
	How string `json:"how"`
	// Unplanned is whether it ended otherwise than the scenario plans, or with a status other than 0.
	Unplanned bool           `json:"unplanned"`
	Outcome   result.Program `json:"outcome"`
}

// FaultStory is a fault in words, and its receipt.
type FaultStory struct {
	Does    string         `json:"does,omitempty"`
	When    string         `json:"when,omitempty"`
	Receipt result.Receipt `json:"receipt"`
}

// mostHeadlines of a story.
const mostHeadlines = 5

// NewStory tells the story of a record.
func NewStory(r *result.Record, path string) *Story {
	t := &Story{
		Record: path, Scenario: r.Scenario.Name, Seed: r.Seed, Kernel: r.Provenance.Kernel, Digest: r.Digest,
		InvalidBecause: append(result.Reasons{}, r.InvalidBecause...), Expect: append([]result.Expectation{}, r.Expect...),
		Faults: []FaultStory{}, Headlines: []string{}, Changes: []effect.Comparison{},
	}
	t.Outcome, t.Because = Outcome(r)
	s, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		s = nil
	}
	for _, receipt := range r.Faults {
		f := FaultStory{Receipt: receipt}
		if s != nil {
			for i := range s.Faults {
				if s.Faults[i].Name == receipt.Name {
					f.Does, f.When = describe.Fault(&s.Faults[i]), describe.When(&s.Faults[i])
				}
			}
		}
		t.Faults = append(t.Faults, f)
	}
	for i := range r.Programs {
		p := &r.Programs[i]
		t.Programs = append(t.Programs, ProgramStory{ProgramEnd(p, s), Unplanned(p, s), *p})
	}
	if s != nil {
		t.About = s.About
		t.Changes = append(t.Changes, effect.Of(r, s)...)
		t.Headlines = append(t.Headlines, Headlines(t.Changes, mostHeadlines)...)
	}
	return t
}
