package cases_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// What each setting of the reference's arms adds to its latency, in margins. What is relieved takes 0.2 of the three
// that the delay adds.
var adds = map[string]float64{
	"links.client-web.queue501": 0.3, "links.client-web.queue502": 1, "links.client-web.queue503": 1.2,
	"links.client-web.delay30ms": 3, "nodes.web.service.php.request.cpu5ms": 2.1, "nodes.web.service.php.workers1": 2.4,
}

// TestPostHoc finds the margins that cases tell after the fact from the pairs that they rest on: judged anew with that
// margin, they are ruled out, and with a smaller one they are not.
func TestPostHoc(t *testing.T) {
	p := casestest.Plan(t, strings.Replace(reference, "innocent: 100%", "innocent: 20%", 1))
	an, err := cases.New(p)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(11, 3))
	casestest.Ask(an, nil, func(arm int, seed uint64) bool {
		level, dose := 0.1*r.NormFloat64(), 10.
		for path, value := range p.Arms[arm].Set {
			level += adds[path+value]
			dose += adds[path+value]
		}
		if p.Arms[arm].Set["links.client-web.delay"] != "" && p.Arms[arm].Set["links.client-web.queue"] != "" {
			level -= 0.2
		}
		e := entry(level, dose)
		if seed == 9 { // which makes all of it more expensive
			e = &archive.Entry{Failure: archive.Broke}
		}
		an.Add(arm, seed, e)
		return true
	})
	told := map[string]float64{}
	for i, v := range an.Verdicts(true) {
		if v.PostHoc == nil {
			continue
		}
		at := func(margin float64) float64 {
			h := v.Hypothesis
			h.Margin = margin
			s, err := verdict.NewState(h, v.Rule)
			require.NoError(t, err)
			for _, pair := range an.Pairs(i) {
				switch {
				case pair.Loss != "":
					s.Lose(pair.Loss)
				case pair.Relieved != nil:
					s.AddContrast(pair.Pair, *pair.Relieved)
				default:
					s.Add(pair.Pair)
				}
			}
			return s.Evidence().RuleOut
		}
		told[v.Case.Name] = v.PostHoc.Margin
		require.InEpsilon(t, v.Evidence.RuleOut, at(v.Hypothesis.Margin), 1e-9)
		require.GreaterOrEqual(t, at(v.PostHoc.Margin*1.000001), v.Bars.RuleOut, v.Case.Name)
		require.True(t, v.PostHoc.Control || at(v.PostHoc.Margin/1.12) < v.Bars.RuleOut, v.Case.Name)
	}
	require.Equal(t, map[string]float64{"slow": 0.36, "not slow": 1.1, "it explains": 0.31}, told)
}
