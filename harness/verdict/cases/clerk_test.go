package cases_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

const (
	referenceFirst = 5
	referenceMost  = 160
	reference      = `version: 1
name: reference
scenario: shop.yaml
seeds: {first: 5, least: 8, most: 160}
placebos: 50
innocent: 100%
controls:
  burn: {cause: {nodes.web.service.php.request.cpu: 5ms}}
  crowd: {cause: {nodes.web.service.php.workers: 1}}
hypotheses:
  - {name: slow, cause: {links.client-web.queue: 501}, metric: http.latency.p99, margin: 1s,
     dose: web.Tcp.InSegs, control: burn, expect: confirmed}
  - {name: not slow, cause: {links.client-web.queue: 502}, metric: http.latency.p99, margin: 1s,
     dose: web.Tcp.InSegs, control: crowd}
  - {name: one of many, cause: {links.client-web.queue: 503}, metric: http.latency.p99, margin: 1s,
     control: crowd, priority: 3, expect: inconclusive}
  - {name: it moves, kind: mechanism, in: every, cause: {links.client-web.queue: 502}, metric: web.Tcp.InSegs}
  - {name: it explains, kind: explains, cause: {links.client-web.delay: 30ms},
     relieved: {links.client-web.queue: 501}, metric: http.latency.p99, margin: 1s, dose: web.Tcp.InSegs, control: crowd}
`
)

// clerk writes down what an analysis was given, and works out what the analysis has to say from all of it, each time
// from the beginning.
type clerk struct {
	p     *campaign.Plan
	runs  map[[2]int]*archive.Entry // by arm and seed, which counts from 0
	aside map[string]bool           // cases, by their names, whose runs others make
	cuts  []int                     // of each arm
	holds int
}

// heard is how far a case has come.
type heard struct {
	*campaign.Case
	control         bool
	state           *verdict.State
	dose            verdict.Dose
	next            int
	done, confirmed bool
}

// givenUp is the first seed that one of some arms has no run of.
func (k *clerk) givenUp(arms ...int) int {
	first := referenceMost
	for _, a := range arms {
		first = min(first, k.cuts[a])
	}
	return first
}

// cut finds where arms are given up: from a refusal on, and after four failures in a row.
func (k *clerk) cut() {
	k.cuts = nil
	for a := range k.p.Arms {
		first, row := referenceMost, 0
		for s := range referenceMost {
			e := k.runs[[2]int{a, s}]
			if e == nil || e.Failure == "" {
				row = 0
				continue
			}
			if row++; row == 4 {
				first = min(first, s+1)
			}
			if e.Failure == archive.Refused {
				first = min(first, s)
			}
		}
		k.cuts = append(k.cuts, first)
	}
}

func (k *clerk) has(arm, seed int) bool {
	return seed >= k.givenUp(arm) || k.runs[[2]int{arm, seed}] != nil
}

// give adds a seed to a case: the seeds of the base arm and of the treated one.
func (k *clerk) give(h *heard, base, treated int) {
	arms, seeds := []int{h.Case.Treated, h.Base}, []int{treated, base}
	if h.Kind == verdict.Explains {
		arms, seeds = h.Arms(), []int{base, base, base, base}
	}
	made := map[string]bool{}
	for i, a := range arms {
		e := k.runs[[2]int{a, seeds[i]}]
		switch {
		case e == nil || e.Failure != "" || seeds[i] >= k.givenUp(a):
			h.state.Lose(verdict.Broken)
			return
		case !e.Valid:
			h.state.Lose(verdict.FaultIdle)
			return
		}
		if e.Made != "" {
			made[e.Made] = true
		}
	}
	if len(made) > 1 {
		h.state.Lose(verdict.Different)
		return
	}
	value := func(arm, seed int, name string) float64 {
		v, _ := k.runs[[2]int{arm, seed}].Value(name)
		return v
	}
	pair := func(b, t int) verdict.Pair {
		return verdict.Pair{Base: value(b, base, h.Metric), Treated: value(t, treated, h.Metric)}
	}
	if h.Dose != "" && !h.Placebo() {
		h.dose.Seeds++
		h.dose.Base += value(h.Base, base, h.Dose)
		h.dose.Treated += value(h.Case.Treated, treated, h.Dose)
		if value(h.Base, base, h.Dose) != value(h.Case.Treated, treated, h.Dose) {
			h.dose.Given++
		}
	}
	if h.Kind == verdict.Explains {
		h.state.AddContrast(pair(h.Base, h.Case.Treated), pair(h.BaseRelieved, h.TreatedRelieved))
		return
	}
	h.state.Add(pair(h.Base, h.Case.Treated))
}

// ends of the blocks: 8 seeds, and then 12 more each time.
var ends = []int{8, 20, 32, 44, 56, 68, 80, 92, 104, 116, 128, 140, 152, 160}

// hear gives a case the seeds that there are.
func (k *clerk) hear(t *testing.T, c *campaign.Case, control bool, rule *cases.Rule) *heard {
	state, err := verdict.NewState(c.Hypothesis, rule.Rule)
	require.NoError(t, err)
	h := &heard{Case: c, control: control, state: state, dose: verdict.Dose{Counter: c.Dose}}
	cut := k.givenUp(c.Arms()...)
	pairs := referenceMost
	if c.Placebo() {
		pairs /= 2
	}
	tooMany := func(of int) bool { return 20*state.Lost() > of }
	for _, end := range ends {
		for ; h.next < end; h.next++ {
			if h.next < cut && !slices.ContainsFunc(c.Arms(), func(a int) bool { return !k.has(a, h.next) }) {
				if !c.Placebo() {
					k.give(h, h.next, h.next)
				} else if h.next%2 == 1 {
					k.give(h, h.next-1, h.next)
				}
				continue
			}
			if h.next < cut {
				return h
			}
			for state.N()+state.Lost() < pairs {
				state.Lose(verdict.Broken)
			}
			h.next = referenceMost
			break
		}
		e := state.Evidence()
		enough := e.Confirm >= rule.Confirm || e.RuleOut >= rule.RuleOut || e.Part >= rule.Confirm
		if control {
			enough = e.Confirm >= 20 || e.RuleOut >= 20
		}
		h.done = h.next == referenceMost || tooMany(pairs) || enough && !tooMany(state.N()+state.Lost())
		h.confirmed = h.done && e.Confirm >= rule.Confirm && !tooMany(state.N()+state.Lost())
		if h.done {
			break
		}
	}
	return h
}

// likely is how many seeds a case takes if it comes as its file expects.
func likely(h *heard, rule *cases.Rule) int {
	equal := func(bar float64) int { return int(math.Ceil(math.Log(bar) / math.Log(0.995/0.95))) }
	switch {
	case h.control:
		return seedsToConfirm(20)
	case h.Placebo():
		return 2 * equal(rule.RuleOut)
	case h.Expected == verdict.Inconclusive:
		return referenceMost
	case h.Kind == verdict.Mechanism:
		return equal(rule.Confirm)
	case h.Expected == verdict.Confirmed:
		return seedsToConfirm(rule.Confirm)
	}
	return equal(rule.RuleOut)
}

// seedsToConfirm is how many seeds make the evidence, written out, for pairs that differ by 2.7 and 3.3 margins in
// turn.
func seedsToConfirm(bar float64) int {
	var list []float64
	for n := 1; ; n++ {
		list = append(list, 2.7+0.6*float64((n+1)%2))
		var mean, m2, bets float64
		for _, x := range list {
			mean += x / float64(n)
		}
		for _, x := range list {
			m2 += (x - mean) * (x - mean)
		}
		for _, stake := range []float64{0.1, 0.3, 0.5, 0.7, 0.9} {
			product := 1.
			for _, x := range list {
				product *= 1 + stake*(x-1)
			}
			bets += product / 5
		}
		q := float64(n) * (mean - 1) * (mean - 1) / m2 // infinite for one
		ttest := math.Pow(float64(n+1), -0.5) * math.Pow((1+q)/(1+q/float64(n+1)), float64(n)/2)
		if n == 1 {
			ttest = 1
		}
		most := (math.Pow(2, float64(n+1)) - 1) / float64(n+1)
		if min(ttest, (most+bets)/2) >= bar {
			return n
		}
	}
}
