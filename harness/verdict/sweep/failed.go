package sweep

import (
	"errors"
	"fmt"
	"slices"

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

// Fill gives an analysis what is in an archive: entries is its Entries method, kernels the releases after
// the plan's names.
func Fill(an *cases.Analysis, p *campaign.Plan, kernels map[string]string,
	entries func(func(*archive.Entry) error) error) error {
	return each(p, kernels, entries, func(arm int, e *archive.Entry) { an.Add(arm, e.Seed, e) })
}

// each calls add for each entry that is of an arm of the plan.
func each(p *campaign.Plan, kernels map[string]string, entries func(func(*archive.Entry) error) error,
	add func(arm int, e *archive.Entry)) error {
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

// fill gives the analysis the runs that were made. Those that failed are tried once more.
func (s *sweep) fill() error {
	return each(s.Plan, s.Kernels, s.Archive.Entries, func(arm int, e *archive.Entry) {
		if e.Failure == "" {
			s.analysis.Add(arm, e.Seed, e)
			return
		}
		s.before = append(s.before, failure{arm, *e})
	})
}

// remember gives the analysis what failed in earlier sweeps and was not made since, so that it has what
// the archive has.
func (s *sweep) remember() {
	var left []Break
	for _, f := range s.before {
		if !s.analysis.Has(f.arm, f.entry.Seed) {
			left = append(left, s.lose(f.arm, &f.entry, errors.New(f.entry.Because)))
		}
	}
	for _, b := range left {
		if s.analysis.Used(b.Arm, b.Seed) { // the others are not wanted any more
			s.breaks = append(s.breaks, b)
		}
	}
}

// lose gives the analysis a run that failed.
func (s *sweep) lose(arm int, e *archive.Entry, why error) Break {
	last := uint64(s.Plan.Campaign.Seeds.First + s.Plan.Campaign.Seeds.Most - 1)
	before := s.analysis.GivenUp(arm, last)
	s.analysis.Add(arm, e.Seed, e)
	return Break{arm, e.Seed, why, !before && s.analysis.GivenUp(arm, last) && e.Failure == archive.Broke}
}

// broke notes a run that broke twice. An arm that breaks again and again is given up, and the others go on, unless it
// is the machine.
func (s *sweep) broke(o *Outcome) error {
	b := s.lose(o.Job, &archive.Entry{Seed: o.Seed, Failure: archive.Broke}, o.Err)
	s.breaks, s.row = append(s.breaks, b), append(s.row, b)
	s.tell()
	if _, _, known := s.known(); !known && s.doubtful() {
		return s.failing(s.row, nil)
	}
	return nil
}

// check returns a run that was made, if it is in doubt whether the machine can make it again.
func (s *sweep) check() (arm int, seed uint64, ok bool) {
	if s.doubted != nil || !s.doubtful() {
		return 0, 0, false
	}
	s.doubted = s.row
	return s.known()
}

// doubtful reports whether it may be the machine that breaks the runs: those of several arms broke, and none was made
// in between.
func (s *sweep) doubtful() bool {
	if len(s.row) < inARow {
		return false
	}
	arms := map[int]bool{}
	for _, b := range s.row {
		arms[b.Arm] = true
	}
	most := inARow
	if _, _, known := s.known(); !known {
		most = inARowFirst
	}
	return len(arms) >= min(most, len(s.Plan.Arms))
}

// failing is the error for runs that broke in a row because of the machine: nothing of them is stored. again says what
// became of a run that was made before; it is nil if there is none.
func (s *sweep) failing(row []Break, again error) error {
	last := row[len(row)-1]
	err := last.Err
	if again != nil {
		err = fmt.Errorf("%w; %w", err, again)
	}
	err = fmt.Errorf("%d runs in a row broke, of several arms and twice each; the last one, seed %d of %s: %w", len(row),
		last.Seed, s.name(last.Arm), err)
	if problem.KindOf(err) == problem.Other { // that a run breaks is not a verdict that was not expected
		err = problem.Wrap(problem.Invalid, err, "")
	}
	return err
}

// known returns a run that was made.
func (s *sweep) known() (arm int, seed uint64, ok bool) {
	for arm := range s.Plan.Arms {
		for _, seed := range s.Plan.Seeds() {
			if s.analysis.Made(arm, seed) {
				return arm, seed, true
			}
		}
	}
	return 0, 0, false
}

// store puts the breaks of a row into the archive: a run was made since, so it was not the machine.
func (s *sweep) store() error {
	for _, b := range s.row {
		if err := s.fail(b.Arm, b.Seed, b.Err); err != nil {
			return err
		}
	}
	s.row = nil
	return nil
}

func (s *sweep) fail(arm int, seed uint64, why error) error {
	a := &s.Plan.Arms[arm]
	return s.Loop.fail(a, s.Kernels[a.Kernel], seed, why)
}

// refuse notes that no run of an arm can be made.
func (s *sweep) refuse(o *Outcome) error {
	if !slices.ContainsFunc(s.refusals, func(b Break) bool { return b.Arm == o.Job }) {
		s.refusals = append(s.refusals, Break{Arm: o.Job, Seed: o.Seed, Err: o.Err})
	}
	s.analysis.Refuse(o.Job, o.Seed)
	s.tell()
	return s.fail(o.Job, o.Seed, o.Err)
}
