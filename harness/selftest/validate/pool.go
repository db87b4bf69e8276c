package validate

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// seeds is how many runs of a case are judged together.
func seeds(s *scenario.Scenario) int { return max(s.Seeds, 1) }

// pooled holds runs of one scenario together against its expectations. Of one run they are those of its record.
//
// What is counted is added up and what is measured is averaged, so that a share of packets is that of all of them and
// not a mean of shares.
func pooled(s *scenario.Scenario, records []*result.Record) []result.Expectation {
	if len(records) == 1 {
		return records[0].Expect
	}
	lookup := func(name string) (float64, bool) {
		sum := 0.
		for _, r := range records {
			v, ok := r.Value(name)
			if !ok {
				return math.NaN(), false
			}
			sum += v
		}
		if counted(name) {
			return sum, true
		}
		return sum / float64(len(records)), true
	}
	var out []result.Expectation
	for _, text := range s.Expect {
		e := result.Expectation{Expr: string(text)}
		compiled, err := expect.Compile(e.Expr, s)
		if err == nil {
			e.OK, e.Value, err = compiled.Eval(lookup)
		}
		if err != nil {
			e.OK, e.Error = false, err.Error()
		}
		out = append(out, e)
	}
	return out
}

// counted tells a number that grows with the length of a run from one that does not, such as a time, a share, or how
// long a queue was at most.
func counted(name string) bool {
	if metric.IsCounter(name) {
		return true
	}
	m, _ := metric.Lookup(name)
	of := strings.HasPrefix(name, "http.") || strings.HasPrefix(name, "fault.")
	return of && m.Unit == metric.One && !m.Share
}

// onlyByChance says that a run is invalid for nothing but that models of netem lost a share of packets that is outside
// its 99.9 % interval. One run in a thousand does so rightly; runs that are held together have bounds that are not
// passed so easily.
func onlyByChance(r *result.Record) bool {
	other := func(b result.Reason) bool { return b.Kind != result.OutsideInterval }
	return len(r.InvalidBecause) > 0 && !slices.ContainsFunc(r.InvalidBecause, other)
}
