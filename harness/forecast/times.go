package forecast

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/archive"
	"github.com/ruleout/ruleout/harness/campaign"
	"github.com/ruleout/ruleout/harness/plan"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/sweep"
)

// Times are how long runs took.
type Times struct {
	// From says where they are from, in words.
	From string
	sums map[place]sum
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

// Archived takes the times from the archive of a sweep; nil when nothing in it is of the plan's arms, or of anything like them. kernels
// are the releases behind the plan's names.
func Archived(dir string, p *campaign.Plan, kernels map[string]string, entries func(func(*archive.Entry) error) error) (*Times, error) {
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

// each returns the seconds that a run of each arm takes. What was not measured is scaled from what was, by the model: from the
// same kernel and machine where there is such, from all otherwise.
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

// rounds is how many runs of a setting are measured on each worker, besides the first, in which the scenario is prepared.
const rounds = 2

// Measure makes a few runs for each kernel and machine of the plan, as many at a time as the sweep will. What they
// show is not kept. progress is told of each setting.
func Measure(ctx context.Context, p *campaign.Plan, runner sweep.Runner, jobs int, progress func(string)) (*Times, error) {
	t := &Times{}
	done := map[setting]bool{}
	made := 0
	for i := range p.Arms {
		a := &p.Arms[i]
		if done[settingOf(a)] {
			continue
		}
		done[settingOf(a)] = true
		progress(fmt.Sprintf("measuring run times of arm %d of %d", i+1, len(p.Arms)))
		first, err := clock(ctx, runner, a, uint64(p.Campaign.Seeds.First))
		if err != nil {
			return nil, err
		}
		seconds, err := together(ctx, runner, a, p.Campaign.Seeds.First+1, max(jobs, 1))
		if err != nil {
			return nil, err
		}
		made += 1 + rounds*max(jobs, 1)
		// An arm is prepared once, and that is spread over its seeds.
		t.add(a.Hash, a.Kernel, seconds+max(first-seconds, 0)/float64(max(p.Campaign.Seeds.Least, 1)))
	}
	t.From = fmt.Sprintf("%d runs that were made for it", made)
	return t, nil
}

// together returns how long a run takes while so many are made at a time.
func together(ctx context.Context, runner sweep.Runner, a *campaign.Arm, seed, jobs int) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	seconds := make([]float64, jobs)
	for j := range jobs {
		wg.Go(func() {
			for i := range rounds {
				s, err := clock(ctx, runner, a, uint64(seed+j*rounds+i))
				if err != nil {
					cancel(err)
					return
				}
				seconds[j] += s
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	sum := 0.
	for _, s := range seconds {
		sum += s
	}
	return sum / float64(jobs*rounds), nil
}

func clock(ctx context.Context, runner sweep.Runner, a *campaign.Arm, seed uint64) (float64, error) {
	began := time.Now()
	if _, err := runner.Run(ctx, a, seed); err != nil {
		return 0, fmt.Errorf("measure a run: %w", err)
	}
	return time.Since(began).Seconds(), nil
}
