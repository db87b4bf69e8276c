package forecast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/run/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Times are how long runs took.
type Times struct {
	// From says where they are from, in words.
	From string
	// Opening is how long it took to open the machines of all kernels, which is not among the runs.
	Opening time.Duration
	sums    map[place]sum
	// prepare is what the first run of an arm took more than the others, by setting. It is in the sums where those are
	// of whole sweeps.
	prepare map[setting]sum
}

// place is a scenario on a kernel.
type place struct{ hash, kernel string }

type sum struct {
	seconds float64
	runs    int
}

// add counts one run of an arm.
func (t *Times) add(hash, kernel string, seconds float64) {
	if t.sums == nil {
		t.sums = map[place]sum{}
	}
	s := t.sums[place{hash, kernel}]
	s.seconds, s.runs = s.seconds+seconds, s.runs+1
	t.sums[place{hash, kernel}] = s
}

// Archived takes the times from the archive of a sweep; nil when nothing in it is of the plan's arms, or of anything
// like them. kernels are the releases for the plan's names.
func Archived(dir string, p *campaign.Plan, kernels map[string]string,
	entries func(func(*archive.Entry) error) error) (*Times, error) {
	t := &Times{}
	names := map[place]string{}
	for i := range p.Arms {
		a := &p.Arms[i]
		names[place{a.Hash, kernels[a.Kernel]}] = a.Kernel
	}
	runs := 0
	err := entries(func(e *archive.Entry) error {
		if kernel, ok := names[place{e.Scenario, e.Kernel}]; ok && e.Wall > 0 {
			t.add(e.Scenario, kernel, e.Wall)
			runs++
		}
		return nil
	})
	if err != nil || runs == 0 {
		return nil, err
	}
	t.From = fmt.Sprintf("%d runs in %s", runs, dir)
	return t, nil
}

// setting is what the speed of runs depends on most, besides their load.
type setting struct {
	kernel  string
	machine scenario.Machine
}

func settingOf(a *campaign.Arm) setting { return setting{a.Kernel, a.Scenario.Machine} }

// each returns the seconds that a run of each arm takes. What was not measured is scaled from what was, by the model:
// from the same kernel and machine where there is such, from all otherwise.
func (t *Times) each(p *campaign.Plan, models []plan.Cost) []float64 {
	type ratio struct{ measured, modelled float64 }
	ratios := map[setting]ratio{}
	var all ratio
	for i := range p.Arms {
		s, ok := t.sums[place{p.Arms[i].Hash, p.Arms[i].Kernel}]
		if !ok {
			continue
		}
		mean := s.seconds / float64(s.runs)
		r := ratios[settingOf(&p.Arms[i])]
		ratios[settingOf(&p.Arms[i])] = ratio{r.measured + mean, r.modelled + guess(models[i])}
		all = ratio{all.measured + mean, all.modelled + guess(models[i])}
	}
	each := make([]float64, len(p.Arms))
	for i := range p.Arms {
		if s, ok := t.sums[place{p.Arms[i].Hash, p.Arms[i].Kernel}]; ok {
			each[i] = s.seconds / float64(s.runs)
			continue
		}
		r, ok := ratios[settingOf(&p.Arms[i])]
		if !ok {
			r = all
		}
		each[i] = guess(models[i]) * r.measured / r.modelled
	}
	return each
}

// rounds is how many runs of an arm are measured, besides the first, in which the scenario is prepared.
const rounds = 2

// Measure makes a few runs of some arms for each kernel and machine of the plan, as many at a time as the sweep will:
// workers share the processors, and what one run leaves of them is what the next one gets. What the runs show is not
// kept. progress is called for each setting. A run that breaks twice is an error.
func Measure(ctx context.Context, p *campaign.Plan, runner sweep.Runner, workers int,
	progress func(string)) (*Times, error) {
	t := &Times{prepare: map[setting]sum{}}
	workers = max(workers, 1)
	loop := sweep.Loop{Runner: runner, Workers: workers}
	made := 0
	first := uint64(p.Campaign.Seeds.First)
	for _, list := range samples(p, 2*workers) {
		progress(fmt.Sprintf("measuring run times of %s", quantity.Plural(int64(len(list)), "arm")))
		jobs := make([]sweep.Job, len(list))
		for i, a := range list {
			jobs[i] = sweep.Job{Arm: *a, Seeds: []uint64{first}, Together: true}
			for n := range rounds {
				jobs[i].Seeds = append(jobs[i].Seeds, first+1+uint64(n))
			}
		}
		// The seconds of an arm's first run, and of one that follows.
		prepared, each := make([]float64, len(list)), make([]float64, len(list))
		_, err := loop.Make(ctx, jobs, func(_ *sweep.Made, o *sweep.Outcome) error {
			switch {
			case o.Err != nil:
				return p.Locate(fmt.Errorf("measure a run: %w", o.Err), list[o.Job])
			case o.Seed == first:
				prepared[o.Job] = o.Took.Seconds()
			default:
				each[o.Job] += o.Took.Seconds() / rounds
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i, a := range list {
			t.add(a.Hash, a.Kernel, each[i])
			s := t.prepare[settingOf(a)]
			t.prepare[settingOf(a)] = sum{s.seconds + max(prepared[i]-each[i], 0), s.runs + 1}
			made += 1 + rounds
		}
	}
	t.From = fmt.Sprintf("%d runs that were made for it", made)
	return t, nil
}

// samples chooses the arms that are measured: so many of each setting, evenly from the cheapest to the most expensive
// by the model.
func samples(p *campaign.Plan, most int) [][]*campaign.Arm {
	var order []setting
	by := map[setting][]*campaign.Arm{}
	cost := map[*campaign.Arm]float64{}
	for i := range p.Arms {
		a := &p.Arms[i]
		s := settingOf(a)
		if by[s] == nil {
			order = append(order, s)
		}
		by[s] = append(by[s], a)
		cost[a] = guess(plan.New(a.Scenario, uint64(p.Campaign.Seeds.First)).Cost)
	}
	var list [][]*campaign.Arm
	for _, s := range order {
		arms := by[s]
		slices.SortStableFunc(arms, func(x, y *campaign.Arm) int { return cmp.Compare(cost[x], cost[y]) })
		n := min(most, len(arms))
		chosen := make([]*campaign.Arm, n)
		for i := range chosen {
			chosen[i] = arms[(2*i+1)*len(arms)/(2*n)] // the middle of its part
		}
		list = append(list, chosen)
	}
	return list
}

// preparing returns the seconds that preparing each arm takes, where that is not in the time of its runs.
func (t *Times) preparing(p *campaign.Plan) []float64 {
	each := make([]float64, len(p.Arms))
	for i := range p.Arms {
		if s := t.prepare[settingOf(&p.Arms[i])]; s.runs > 0 {
			each[i] = s.seconds / float64(s.runs)
		}
	}
	return each
}
