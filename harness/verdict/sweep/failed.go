package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// failure is a run of which an archive says that it failed.
type failure struct {
	arm   int
	entry archive.Entry
}

// Fill gives a bench what is in an archive: entries is its Entries method, kernels the releases after the plan's
// names.
func Fill(b *cases.Bench, p *campaign.Plan, kernels map[string]string, entries func(func(*archive.Entry) error) error) error {
	return each(p, kernels, entries, func(arm int, e *archive.Entry) { b.Add(arm, e.Seed, e) })
}

// each calls add for each entry that is of an arm of the plan.
func each(p *campaign.Plan, kernels map[string]string, entries func(func(*archive.Entry) error) error, add func(arm int, e *archive.Entry)) error {
	type place struct{ hash, release string }
	arms := map[place][]int{}
	for i, a := range p.Arms {
		at := place{a.Hash, kernels[a.Kernel]}
		arms[at] = append(arms[at], i)
	}
	return entries(func(e *archive.Entry) error {
		for _, i := range arms[place{e.Scenario, e.Kernel}] {
			add(i, e)
		}
		return nil
	})
}

// fill gives the bench the runs that were made. Those that failed are tried once more.
func (s *sweep) fill() error {
	return each(s.Plan, s.Kernels, s.Archive.Entries, func(arm int, e *archive.Entry) {
		if e.Failure == "" {
			s.bench.Add(arm, e.Seed, e)
			return
		}
		s.before = append(s.before, failure{arm, *e})
	})
}

// remember gives the bench what failed in earlier sweeps and was not made since, so that it has what the archive has.
func (s *sweep) remember() {
	var left []failure
	for _, f := range s.before {
		if !s.bench.Has(f.arm, f.entry.Seed) {
			s.bench.Add(f.arm, f.entry.Seed, &f.entry)
			left = append(left, f)
		}
	}
	for _, f := range left {
		if s.bench.Used(f.arm, f.entry.Seed) { // the others, nobody wants any more
			s.breaks = append(s.breaks, Break{f.arm, f.entry.Seed, errors.New(f.entry.Because)})
		}
	}
}

// broke notes a run that could not be made. An arm that breaks again and again is given up, and the others go on,
// unless it is the machine.
func (s *sweep) broke(ctx context.Context, arm int, seed uint64, err error) error {
	s.mu.Lock()
	s.breaks = append(s.breaks, Break{arm, seed, err})
	s.row = append(s.row, Break{arm, seed, err})
	delete(s.flying, flight{arm, seed})
	s.bench.Break(arm, seed)
	s.tell()
	doubt := s.doubtful()
	s.mu.Unlock()
	if !doubt {
		return nil
	}
	return s.try(ctx)
}

// doubtful reports whether it may be the machine that breaks the runs: those of several arms broke, and none was made
// in between.
func (s *sweep) doubtful() bool {
	arms := map[int]bool{}
	for _, b := range s.row {
		arms[b.Arm] = true
	}
	most := inARow
	if _, _, known := s.known(); !known {
		most = inARowFirst
	}
	return len(s.row) >= inARow && len(arms) >= min(most, len(s.Plan.Arms))
}

// try makes a run again that was made before. If it breaks now it is the machine: nothing of what broke is stored, and
// the sweep ends.
func (s *sweep) try(ctx context.Context) error {
	s.mu.Lock()
	row := s.row
	arm, seed, known := s.known()
	s.mu.Unlock()
	if len(row) == 0 { // another worker was faster
		return nil
	}
	err := row[len(row)-1].Err
	if known {
		record, again := s.Runner.Run(ctx, &s.Plan.Arms[arm], seed)
		if again == nil {
			// It is there already, and has to be the same to the bit.
			if _, err := s.Archive.Append(record); err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.store()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err = fmt.Errorf("%w; seed %d of %s, which was made before, breaks now, too: %w", err, seed, s.name(arm), again)
	}
	last := row[len(row)-1]
	err = fmt.Errorf("%d runs in a row broke, of several arms and twice each; the last one, seed %d of %s: %w", len(row), last.Seed, s.name(last.Arm), err)
	if problem.KindOf(err) == problem.Other { // that a run breaks is not a verdict that nobody expected
		err = problem.Wrap(problem.Invalid, err, "")
	}
	return err
}

// known returns a run that was made.
func (s *sweep) known() (arm int, seed uint64, ok bool) {
	for arm := range s.Plan.Arms {
		for _, seed := range s.Plan.Seeds() {
			if s.bench.Made(arm, seed) {
				return arm, seed, true
			}
		}
	}
	return 0, 0, false
}

// store puts the breaks of a row into the archive: a run was made since, so it was not the machine.
func (s *sweep) store() error {
	for _, b := range s.row {
		if err := s.fail(archive.Broke, b); err != nil {
			return err
		}
	}
	s.row = nil
	return nil
}

func (s *sweep) fail(why archive.Failure, b Break) error {
	a := &s.Plan.Arms[b.Arm]
	text := "the run broke twice: "
	if why == archive.Refused {
		text = "refused for every seed: "
	}
	_, err := s.Archive.Fail(archive.Failed{Failure: why, Scenario: a.Hash, Kernel: s.Kernels[a.Kernel], Seed: b.Seed, Because: text + b.Err.Error()})
	return err
}

// refuse notes that no run of an arm can be made.
func (s *sweep) refuse(arm int, seed uint64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.refused[arm]; !again {
		s.refused[arm] = Break{arm, seed, err}
	}
	delete(s.flying, flight{arm, seed})
	s.bench.Refuse(arm, seed)
	s.tell()
	return s.fail(archive.Refused, Break{arm, seed, err})
}

// isGivenUp reports whether the run is not wanted any more.
func (s *sweep) isGivenUp(arm int, seed uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bench.GivenUp(arm, seed)
}

// givenUp lists the arms that were given up because they broke, each with its last break.
func (s *sweep) givenUp() (list []Break) {
	last := map[int]Break{}
	for _, b := range s.breaks {
		last[b.Arm] = b
	}
	most := uint64(s.Plan.Campaign.Seeds.First + s.Plan.Campaign.Seeds.Most - 1)
	for arm := range s.Plan.Arms {
		b, broke := last[arm]
		if _, refused := s.refused[arm]; broke && !refused && s.bench.GivenUp(arm, most) {
			list = append(list, b)
		}
	}
	return list
}
