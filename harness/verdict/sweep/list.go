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

// String names the job to a person: "dup-ack on 6.1".
func (j *Job) String() string {
	if j.Arm.Kernel == "" {
		return j.Name
	}
	return j.Name + " on " + j.Arm.Kernel
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
	// Runs there are now, of All.
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
	// wants counts for each run how often it is asked for; have are those that there are, or that are being made. Both
	// are nil without an archive: then each run is made as often as it is asked for.
	wants map[run]int
	have  map[run]bool
	row   []int  // by job, how many runs broke in a row
	gone  []bool // by job, whether it is given up
	each  func(m *Made, o *Outcome) error
}

type run struct {
	hash, release string
	seed          uint64
}

// Make makes the runs of jobs that the archive does not have, job by job. What failed in an earlier call is tried again.
// each is called after each run, by one goroutine at a time, and may be nil; its error ends the loop. The error is for
// what stops all runs, such as a full disk or an interrupt; what was made until then is returned with it.
func (l Loop) Make(ctx context.Context, jobs []Job, each func(m *Made, o *Outcome) error) (*Made, error) {
	s := &list{Loop: l, jobs: jobs, row: make([]int, len(jobs)), gone: make([]bool, len(jobs)), each: each}
	if l.Archive != nil {
		s.wants, s.have = map[run]int{}, map[run]bool{}
	}
	for i := range jobs {
		s.All += len(jobs[i].Seeds)
		for _, seed := range jobs[i].Seeds {
			if l.Archive != nil {
				s.wants[s.run(i, seed)]++
			}
		}
	}
	if l.Archive != nil {
		err := l.Archive.Entries(func(e *archive.Entry) error {
			if r := (run{e.Scenario, e.Kernel, e.Seed}); e.Failure == "" && !s.have[r] {
				s.have[r] = true
				s.Runs += s.wants[r]
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
			if !s.have[r] {
				n.seeds = append(n.seeds, r.seed)
			}
			if s.have != nil {
				s.have[r] = true
			}
		}
		if len(n.seeds) > 0 {
			return n, true
		}
	}
	return lease{}, false
}

func (s *list) wanted(job int, _ uint64) bool { return !s.gone[job] }

func (s *list) done(o *Outcome) error {
	r := s.run(o.Job, o.Seed)
	if o.Err == nil {
		s.row[o.Job] = 0
		s.Runs += max(s.wants[r], 1)
	} else {
		s.row[o.Job]++
		delete(s.have, r)
		o.GivenUp = s.wanted(o.Job, o.Seed) && (o.Refused() || s.row[o.Job] >= cases.InARow)
		s.gone[o.Job] = s.gone[o.Job] || o.GivenUp
		s.Broken = append(s.Broken, Break{o.Job, o.Seed, o.Err, o.GivenUp})
		if err := s.fail(&s.jobs[o.Job].Arm, r.release, o.Seed, o.Err); err != nil {
			return err
		}
	}
	if s.each == nil {
		return nil
	}
	return s.each(&s.Made, o)
}
