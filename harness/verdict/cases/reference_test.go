package cases_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
	"github.com/ruleout/ruleout/harness/verdict/cases/casestest"
)

// hold holds an analysis against what the clerk works out.
func (k *clerk) hold(t *testing.T, an *cases.Analysis) {
	k.cut()
	rule := cases.RuleOf(k.p)
	var tried, all []*heard
	for i := range k.p.Cases {
		tried = append(tried, k.hear(t, &k.p.Cases[i], false, &rule))
	}
	all = append(all, tried...)
	controls, asked := map[bool][]verdict.ControlStatus{}, []bool{}
	for i := range k.p.Controls {
		h := k.hear(t, &k.p.Controls[i], true, &rule)
		all = append(all, h)
		asked = append(asked, slices.ContainsFunc(tried, func(c *heard) bool {
			return c.Case.Control == i &&
				!c.confirmed && !k.aside[c.Name]
		}))
		for _, final := range []bool{false, true} {
			e, s := h.state.Evidence(), verdict.Pending
			switch {
			case e.Confirm >= 20 && 20*h.state.Lost() <= h.state.N()+h.state.Lost():
				s = verdict.Seen
			case e.RuleOut >= 20 || h.done || final && h.state.N() > 0:
				s = verdict.Missed
			}
			controls[final] = append(controls[final], s)
		}
	}
	var needs []cases.Need
	ahead, decided := make([]int, len(k.p.Arms)), 0
	for arm := range k.p.Arms {
		n := cases.Need{Arm: arm, Turn: math.MaxInt, Priority: math.MinInt}
		seeds := map[uint64]bool{}
		most, count := 0, 0
		for s := range referenceMost {
			if k.runs[[2]int{arm, s}] != nil {
				count++
			}
		}
		for i, h := range all {
			if h.done || !slices.Contains(h.Arms(), arm) || k.aside[h.Name] && !h.control || h.control &&
				!asked[i-len(tried)] {
				continue
			}
			cut := k.givenUp(h.Arms()...)
			blockEnd := func(at int) int { return ends[slices.IndexFunc(ends, func(end int) bool { return at < end })] }
			target := max(blockEnd(min(likely(h, &rule), referenceMost)-1), blockEnd(h.next))
			most = max(most, min(target, cut))
			wants := false
			for s := h.next; s < min(blockEnd(h.next), cut); s++ {
				if !k.has(arm, s) {
					seeds[uint64(referenceFirst+s)] = true
					wants = true
				}
			}
			if wants {
				turn := h.next
				if turn >= 32 {
					turn = math.MaxInt - turn
				}
				n.Waiting, n.Priority, n.Turn = n.Waiting+1, max(n.Priority, h.Priority), min(n.Turn, turn)
			}
		}
		ahead[arm] = max(0, most-count)
		if len(seeds) == 0 {
			continue
		}
		for s := range seeds {
			n.Seeds = append(n.Seeds, s)
		}
		slices.Sort(n.Seeds)
		needs = append(needs, n)
	}
	slices.SortFunc(needs, func(x, y cases.Need) int {
		return cmp.Or(y.Priority-x.Priority, cmp.Compare(x.Turn, y.Turn), y.Waiting-x.Waiting, x.Arm-y.Arm)
	})
	none := func(int, uint64) bool { return false }
	sum := 0
	for _, n := range ahead {
		sum += n
	}
	for _, h := range tried {
		if h.done {
			decided++
		}
	}
	checks := []func(){
		func() { require.Equal(t, needs, an.Needs(none)) },
		func() {
			require.Equal(t, needs[:min(2, len(needs))], an.First(2, none)[:min(2, len(needs))])
			require.LessOrEqual(t, len(an.First(2, none)), 2)
		},
		func() { require.Equal(t, ahead, an.Ahead()) },
		func() { require.Equal(t, sum, an.Remaining()) },
		func() {
			require.Equal(t, cases.Progress{Cases: len(tried), Decided: decided, Runs: len(k.runs)}, an.Progress())
		},
		func() {
			for i, h := range tried {
				require.Equal(t, h.done, an.Decided(i), h.Name)
			}
		},
		func() {
			for i, v := range an.Verdicts(false) {
				h := tried[i]
				require.Equal(t, []any{h.state.N(), h.state.Lost(), h.state.Evidence(), h.dose}, []any{v.Seeds,
					v.Lost, v.Evidence, v.Dose}, h.Name)
			}
		},
		func() {
			for final, want := range controls {
				for i, s := range an.Controls(final) {
					require.Equal(t, want[i], s.Status, "%s, final: %v", k.p.Controls[i].Name, final)
					require.Equal(t, asked[i], s.Asked)
				}
			}
		},
		func() { k.holdSeeds(t, an, all) },
	}
	for i := range checks { // each of them is the first to be asked at some time
		checks[(k.holds+i)%len(checks)]()
	}
	k.holds++
}

// holdSeeds holds what an analysis says of single seeds against what the clerk knows.
func (k *clerk) holdSeeds(t *testing.T, an *cases.Analysis, all []*heard) {
	for arm := range k.p.Arms {
		for s := -1; s <= referenceMost; s++ {
			e, seed := k.runs[[2]int{arm, s}], uint64(referenceFirst+s)
			used := func(h *heard) bool { return slices.Contains(h.Arms(), arm) && h.next > s }
			inside := s >= 0 && s < referenceMost
			want := []bool{e != nil, e != nil && e.Failure == "", inside && s >= k.givenUp(arm), inside &&
				slices.ContainsFunc(all, used)}
			if got := []bool{an.Has(arm, seed), an.Made(arm, seed), an.GivenUp(arm, seed), an.Used(arm,
				seed)}; !slices.Equal(want, got) {
				require.Equal(t, want, got, "arm %d, seed %d", arm, seed)
			}
		}
	}
}

// Whatever comes of runs and in whatever order they are made, an analysis, which keeps up to date what it is asked,
// says what follows from all runs together.
func TestABenchSaysWhatFollowsFromAllRuns(t *testing.T) {
	for world := range 9 {
		t.Run(fmt.Sprint(world), func(t *testing.T) {
			text := reference
			if world == 0 { // placebos are never confirmed, and so always want their control
				text = strings.Replace(text, "placebos: 50", "placebos: 0", 1)
			}
			p := casestest.Plan(t, text)
			an, err := cases.New(p)
			require.NoError(t, err)
			k := &clerk{p: p, runs: map[[2]int]*archive.Entry{}, aside: map[string]bool{}}
			r := rand.New(rand.NewPCG(uint64(world), 3))
			for i, c := range p.Cases {
				k.aside[c.Name] = world == 2 && c.Control == 0 || world == 5 && i > 0 && c.Control != 0
			}
			if world == 2 || world == 5 {
				an.Only(func(c *campaign.Case) bool { return !k.aside[c.Name] })
			}
			// Each arm has its level, fails now and then, and some fail from some seed on.
			level, fails, from := make([]float64, len(p.Arms)), make([]float64, len(p.Arms)), make([]int, len(p.Arms))
			for arm := range level {
				level[arm] = []float64{0, 0, 0.9, 4, 9}[r.IntN(5)]
				fails[arm] = []float64{0, 0, 0.01}[r.IntN(3)]
				from[arm] = []int{1000, 1000, 1000, 0, 11, 37, 154, 156}[r.IntN(3+5*(world%2))]
			}
			if world == 0 { // that needs its control no more
				level[p.Cases[0].Base], level[p.Cases[0].Treated], level[p.Controls[0].Treated] = 0, 9, 0.9
			}
			if from[p.Cases[0].Base] = 1000; world == 8 {
				from[p.Cases[0].Base] = 37
			}
			until := 1000
			if world == 4 { // just four in a row
				level[p.Cases[1].Base], level[p.Cases[1].Treated], from[p.Cases[1].Treated], until = 0, 0.9, 20, 24
			}
			add := func(arm, seed int) {
				e := entry(level[arm]+r.NormFloat64()/5, float64(arm)+float64(r.IntN(3)))
				switch x := r.Float64(); {
				case seed >= from[arm] && seed < until && arm%2 == 0:
					e = &archive.Entry{Failure: archive.Refused}
				case seed >= from[arm] && seed < until, x < fails[arm]/2:
					e = &archive.Entry{Failure: archive.Broke}
				case x < fails[arm]:
					e.Valid, e.Because = false, "fault acks: the fault never acted: 0 of 100 packets matched"
				}
				e.Made = []string{"", "one", "one", "one", "two"}[min(r.IntN(40), 3+world/4%2)]
				an.Add(arm, uint64(referenceFirst+seed), e)
				if at := [2]int{arm, seed}; k.runs[at] == nil && seed >= 0 && seed < referenceMost {
					k.runs[at] = e
				}
			}
			for {
				k.hold(t, an)
				needs := an.Needs(func(int, uint64) bool { return false })
				if len(needs) == 0 {
					break
				}
				for range 1 + r.IntN(5) {
					n := needs[r.IntN(len(needs))]
					r.Shuffle(len(n.Seeds), func(i, j int) { n.Seeds[i], n.Seeds[j] = n.Seeds[j], n.Seeds[i] })
					for _, seed := range n.Seeds[:1+r.IntN(len(n.Seeds))] {
						add(n.Arm, int(seed)-referenceFirst)
					}
				}
				if r.IntN(3) == 0 { // one that is not wanted
					add(r.IntN(len(p.Arms)), r.IntN(referenceMost+2)-1)
				}
			}
		})
	}
}
