package verdict

import "fmt"

// Code names a reason for scripts. Codes stay; their texts may be put better.
type Code string

// Codes of invalid verdicts.
const (
	FaultDidNotAct Code = "fault-did-not-act"
	ControlMissed  Code = "control-missed"
	FellBehind     Code = "generator-behind"
	RunsBroken     Code = "runs-broken"
	Unmeasured     Code = "not-measured"
	WithoutRatio   Code = "no-ratio"
)

// Codes of inconclusive verdicts.
const (
	NoSeeds          Code = "no-seeds"
	MoreSeeds        Code = "more-seeds"
	NotBySeeds       Code = "not-by-seeds"
	SizeUnresolved   Code = "size-unresolved"
	OtherWay         Code = "other-way"
	DoseUnknown      Code = "dose-unknown"
	DosePartial      Code = "dose-partial"
	ControlNotRun    Code = "control-not-run"
	ControlPending   Code = "control-pending"
	ControlTooLarge  Code = "control-too-large"
	ExplainsPart     Code = "explains-part"
	NothingToExplain Code = "nothing-to-explain"
)

// Codes that go with any verdict.
const (
	// SeedsLost: some seeds gave no pair, few enough to go on.
	SeedsLost Code = "seeds-lost"
	// AllEqual: the difference is the same in every seed, to the last bit.
	AllEqual Code = "all-equal"
	// SeedsBeyond: a few seeds moved far more than most, of which the verdict says nothing.
	SeedsBeyond Code = "seeds-beyond"
	// ControlLarge: the control is larger than it should be, but was let pass.
	ControlLarge Code = "control-large"
)

var lossCode = map[Loss]Code{
	FaultIdle:   FaultDidNotAct,
	LoadBehind:  FellBehind,
	Broken:      RunsBroken,
	NotMeasured: Unmeasured,
	NoRatio:     WithoutRatio,
	Different:   RunsDiffer,
}

// Reason is why a verdict is not a better one, or what should be known beside it.
type Reason struct {
	Code Code `json:"code"`
	// Text is for people: one clause, without a full stop.
	Text string `json:"text"`
}

// Has says whether a reason with the code is among the verdict's.
func (v Verdict) Has(code Code) bool {
	for _, r := range v.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

// beside returns what should be known beside any verdict.
func (c Case) beside() []Reason {
	var rs []Reason
	s := c.State
	if lost := s.Lost(); lost > 0 && float64(lost) <= s.rule.Lost*float64(s.N()+lost) {
		for i, n := range s.lost {
			if n > 0 {
				rs = append(rs, Reason{SeedsLost, fmt.Sprintf("%s in %s, which counts against the verdict", losses[i],
					count(n, "seed"))})
			}
		}
	}
	if s.diff.N > 1 && s.diff.M2 == 0 {
		rs = append(rs, Reason{AllEqual, fmt.Sprintf("the difference is the same in all %s", count(s.diff.N, "seed"))})
	}
	return rs
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
