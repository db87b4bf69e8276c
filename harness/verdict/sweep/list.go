package sweep

import (
	"context"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// Job is the runs of one scenario on one kernel.
type Job struct {
	Name    string // of the scenario
	Arm     campaign.Arm
	Release string // of the kernel
	// Seeds in the order in which they are run.
	Seeds []uint64
	// Together says that one worker makes all runs of the job, one after the other.
	Together bool
}

// Break is a run that left no record.
type Break struct {
	Arm  int // index of the job, or of the arm in the plan
	Seed uint64
	Err  error
	// GivenUp says that no further run of the job or arm begins, because of this one.
	GivenUp bool
}

// Made says which runs there are.
type Made struct {
	// Runs there are now, of All that were asked for.
	Runs, All int
	// Broken are in the order in which they broke.
	Broken []Break
}

// list is a source with the runs of jobs, in their order, that the archive does not have.
type list struct {
	Loop
	Made
	jobs []Job
	at   int // the job whose turn it is
	seed int // of its seeds, the next one
	// open are the runs that are to be made. Without an archive, each is made as often as it is asked for.
	open map[run]bool
	row  []int // by job, how many runs broke in a row; at [cases.InARow] the job is given up
	each func(m *Made, o *Outcome) error
}

type run struct {
	hash, release string
	seed          uint64
}

// Make makes the runs of jobs that the archive does not have, job by job. What failed in an earlier call is tried
// again. each is called after each run, by one goroutine at a time, and may be nil; its error ends the loop. The
// error is for what stops all runs, such as a full disk or an interrupt; what was made until then is returned with
// it.
func (l Loop) Make(ctx context.Context, jobs []Job, each func(m *Made, o *Outcome) error) (*Made, error) {
	s := &list{Loop: l, jobs: jobs, open: map[run]bool{}, row: make([]int, len(jobs)), each: each}
	for i := range jobs {
		for _, seed := range jobs[i].Seeds {
			if r := s.run(i, seed); l.Archive == nil || !s.open[r] { // jobs may share runs
				s.open[r] = true
				s.All++
			}
		}
	}
	if l.Archive != nil {
		err := l.Archive.Entries(func(e *archive.Entry) error {
			if r := (run{e.Scenario, e.Kernel, e.Seed}); e.Failure == "" && s.open[r] {
				delete(s.open, r)
				s.Runs++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	_, err := l.run(ctx, s)
	return &s.Made, err
}

func (s *list) run(job int, seed uint64) run {
	return run{s.jobs[job].Arm.Hash, s.jobs[job].Release, seed}
}

func (s *list) next(int) (lease, bool) {
	for ; s.at < len(s.jobs); s.at, s.seed = s.at+1, 0 {
		j := &s.jobs[s.at]
		n := lease{job: s.at, arm: &j.Arm}
		for s.seed < len(j.Seeds) && s.wanted(s.at, 0) && (j.Together || len(n.seeds) == 0) {
			r := s.run(s.at, j.Seeds[s.seed])
			s.seed++
			if s.Archive == nil || s.open[r] {
				delete(s.open, r)
				n.seeds = append(n.seeds, r.seed)
			}
		}
		if len(n.seeds) > 0 {
			return n, true
		}
	}
	return lease{}, false
}

func (s *list) wanted(job int, _ uint64) bool { return s.row[job] < cases.InARow }

func (s *list) done(o *Outcome) error {
	j, wanted := &s.jobs[o.Job], s.wanted(o.Job, o.Seed)
	if o.Err == nil {
		s.Runs++
		if wanted {
			s.row[o.Job] = 0
		}
	} else {
		s.open[s.run(o.Job, o.Seed)] = true // for another job that shares it
		if s.row[o.Job]++; o.Refused() {
			s.row[o.Job] = cases.InARow
		}
		o.GivenUp = wanted && !s.wanted(o.Job, o.Seed)
		s.Broken = append(s.Broken, Break{o.Job, o.Seed, o.Err, o.GivenUp})
		if err := s.fail(&j.Arm, j.Release, o.Seed, o.Err); err != nil {
			return err
		}
	}
	if s.each == nil {
		return nil
	}
	return s.each(&s.Made, o)
}
