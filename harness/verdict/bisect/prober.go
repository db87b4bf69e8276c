package bisect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Prober asks runs what configurations do. It is a [World]; its runs are kept in the loop's archive, so that what was
// made once is not made again, and a search that was interrupted goes on.
type Prober struct {
	// Loop makes the runs. Its archive has to be given.
	Loop sweep.Loop
	// Arm returns a configuration; that without items is the calm side.
	Arm func(Set) (campaign.Arm, error)
	// Releases of the kernels by their names.
	Releases map[string]string
	Effect   Effect
	// Lead is by how many seeds an answer has to be ahead. The block begins with seed 1.
	Lead int
	// why has the reason of the last run that was of no use, for messages.
	why error
}

// most is how many times the lead there are seeds for a question.
const most = 8

// freshFrom is what is added to the seeds of the block for fresh ones. No block is so long.
const freshFrom = 100_000

// Learn runs the block of seeds on both sides, and takes from it how large the effect is. all is the other side. Items
// with which nothing runs, since a kernel refuses them, are left out of it and returned. If nothing can be learned, the
// error says why, of kind [problem.Invalid].
func (p *Prober) Learn(ctx context.Context, all Set) (untested Set, err error) {
	pairs, err := p.pairs(ctx, all, 1, p.Lead)
	if err != nil {
		return nil, err
	}
	for i := range pairs {
		if calm := pairs[i][0]; calm == nil || !calm.Valid {
			return nil, p.none("the calm side has no valid run", calm,
				"mend the scenario, or the profile of the calm side, first")
		}
	}
	if !runs(pairs) {
		if untested, err = p.untested(ctx, all); err != nil {
			return untested, err
		}
		if pairs, err = p.pairs(ctx, all.without(untested), 1, p.Lead); err != nil {
			return untested, err
		}
		if !runs(pairs) {
			return untested, p.none("the other side has no valid run, and none without what has none by itself", pairs[0][1], "")
		}
	}
	p.Effect.learn(pairs)
	return untested, nil
}

// runs reports whether some pair can be used.
func runs(pairs [][2]*archive.Entry) bool {
	return slices.ContainsFunc(pairs, func(pair [2]*archive.Entry) bool { return pair[1] != nil && pair[1].Valid })
}

// none is the error of a side without valid runs, of which one may be there.
func (p *Prober) none(text string, run *archive.Entry, hint string) error {
	err := errors.New(text)
	switch {
	case run != nil && run.Because != "":
		err = fmt.Errorf("%w: %s", err, run.Because)
	case p.why != nil:
		err = fmt.Errorf("%w: %w", err, p.why)
	}
	return problem.Wrap(problem.Invalid, err, hint)
}

// untested finds the items with which nothing runs, by halves. One seed tells it of each part.
func (p *Prober) untested(ctx context.Context, of Set) (Set, error) {
	pairs, err := p.pairs(ctx, of, 1, 1)
	if err != nil || runs(pairs) {
		return nil, err
	}
	if len(of) == 1 {
		return of, nil
	}
	left, err := p.untested(ctx, of[:len(of)/2])
	if err != nil {
		return nil, err
	}
	right, err := p.untested(ctx, of[len(of)/2:])
	return left.with(right), err
}

// Search learns the effect, and looks for the items, of all, that make it.
func (p *Prober) Search(ctx context.Context, all Set, o Options) (*Result, error) {
	untested, err := p.Learn(ctx, all)
	if err != nil {
		return nil, err
	}
	r, err := Search(ctx, all.without(untested), p, o)
	r.Untested = r.Untested.with(untested)
	return r, err
}

// Ask adds seeds until one answer leads.
func (p *Prober) Ask(ctx context.Context, of Set, fresh bool) (Tally, error) {
	t := Tally{Lead: p.Lead}
	next, used := uint64(1), 0
	if fresh {
		next += freshFrom
	}
	for t.Missing() > 0 && !t.Hopeless() && used < most*p.Lead {
		n := min(t.Missing(), most*p.Lead-used)
		pairs, err := p.pairs(ctx, of, next, n)
		if err != nil {
			return t, err
		}
		for _, pair := range pairs {
			switch shows, valid := p.Effect.shows(pair[0], pair[1]); {
			case !valid:
				t.Void++
			case shows:
				t.Shows++
			default:
				t.Not++
			}
		}
		next, used = next+uint64(n), used+n
	}
	return t, nil
}

// pairs returns the runs of n seeds: that of the calm side and that of a configuration. What broke is nil.
func (p *Prober) pairs(ctx context.Context, of Set, first uint64, n int) ([][2]*archive.Entry, error) {
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	calm, err := p.Arm(nil)
	if err != nil {
		return nil, err
	}
	pairs := make([][2]*archive.Entry, n)
	arm, err := p.Arm(of)
	if err != nil {
		p.why = err // two settings may exclude each other
		return pairs, nil
	}
	jobs := []sweep.Job{p.job("calm", calm, seeds), p.job("of "+of.String(), arm, seeds)}
	made, err := p.Loop.Make(ctx, jobs, nil)
	if err != nil {
		return nil, err
	}
	for _, b := range made.Broken {
		p.why = b.Err
	}
	err = p.Loop.Archive.Entries(func(e *archive.Entry) error {
		if e.Failure != "" || e.Seed < first || e.Seed-first >= uint64(n) {
			return nil
		}
		for side := range jobs {
			if j := &jobs[side]; e.Scenario == j.Arm.Hash && e.Kernel == j.Release {
				c := e.Clone()
				pairs[e.Seed-first][side] = &c
			}
		}
		return nil
	})
	return pairs, err
}

func (p *Prober) job(name string, arm campaign.Arm, seeds []uint64) sweep.Job {
	return sweep.Job{Name: name, Arm: arm, Release: p.Releases[arm.Kernel], Seeds: seeds}
}
