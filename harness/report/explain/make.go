package explain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

// MostSeeds is how many calm runs with further seeds can be asked for.
const MostSeeds = 1000

// Runner makes runs, as [machine.VM] and [machine.Host] do.
type Runner interface {
	Run(ctx context.Context, request machine.Request) (*result.Record, error)
}

// Maker finds the calm runs of a record, or makes them.
type Maker struct {
	// Seeds is how many calm runs there are besides the twin.
	Seeds int
	// Jobs is how many are made at a time.
	Jobs int
	// Dirs may hold records of calm runs, which are then not made again.
	Dirs []string
	// Save keeps the records that were made in this directory, if it is not empty.
	Save string
	// Open returns what makes runs for a request; nil opens a backend.
	Open func(ctx context.Context, request machine.Request) (Runner, error)
	// Note reports how it goes on.
	Note func(text string)
}

// Runs returns the calm runs of a record, the twin first. If the twin cannot be had, there are none, and why says the
// reason; err is of kind [problem.Usage] if the record is not one, or says that the context ended.
func (m *Maker) Runs(ctx context.Context, recorded *result.Record) (runs []Run, why string, err error) {
	request, err := machine.RequestOf(recorded)
	if err != nil {
		return nil, "", err
	}
	request.Scenario, _ = Calm(request.Scenario)
	request.Set = nil
	twin, err := m.one(ctx, recorded, request, recorded.Seed, nil)
	if err != nil {
		return nil, err.Error(), ended(ctx)
	}
	runs = append(runs, *twin)
	found := make([]*Run, m.Seeds)
	var missing []int
	for i := range found {
		if found[i] = m.find(recorded, request.Scenario, seedOf(recorded, i)); found[i] == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 {
		err = m.make(ctx, recorded, request, found, missing)
	}
	for _, run := range found {
		if run != nil {
			runs = append(runs, *run)
		}
	}
	if err != nil && ctx.Err() == nil {
		m.Note(fmt.Sprintf("fewer calm runs than asked for: %v", err))
		err = nil
	}
	return runs, "", errors.Join(err, ended(ctx))
}

// seedOf is the seed of a calm run besides the twin.
func seedOf(recorded *result.Record, i int) uint64 { return recorded.Seed + uint64(i) + 1 }

func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// make makes the calm runs that are missing.
func (m *Maker) make(ctx context.Context, recorded *result.Record, request machine.Request, found []*Run,
	missing []int) error {
	m.Note(fmt.Sprintf("making %d more calm runs", len(missing)))
	runner, err := m.open(ctx, request)
	if err != nil {
		return err
	}
	jobs := max(m.Jobs, 1)
	if request.Backend == machine.NameHost {
		jobs = 1 // real time: two would disturb each other
	}
	errs := make([]error, len(missing))
	var group sync.WaitGroup
	turn := make(chan bool, jobs)
	for n, i := range missing {
		group.Go(func() {
			turn <- true
			defer func() { <-turn }()
			if errs[n] = ctx.Err(); errs[n] == nil {
				found[i], errs[n] = m.one(ctx, recorded, request, seedOf(recorded, i), runner)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// one finds or makes a calm run.
func (m *Maker) one(ctx context.Context, recorded *result.Record, request machine.Request, seed uint64,
	runner Runner) (*Run, error) {
	if run := m.find(recorded, request.Scenario, seed); run != nil {
		return run, nil
	}
	if runner == nil {
		m.Note("making the calm run with the same seed")
		var err error
		if runner, err = m.open(ctx, request); err != nil {
			return nil, err
		}
	}
	request.Seed = seed
	if snap := recorded.Provenance.Capture; snap > 0 {
		request.Capture = pcapng.Discard(snap) // it takes CPU time
	}
	r, err := runner.Run(ctx, request)
	if err != nil {
		return nil, err
	}
	if p, q := recorded.Provenance, r.Provenance; p.Key != q.Key {
		return nil, fmt.Errorf("the record was made with other software (%s)", difference(&p, &q))
	}
	if m.Save != "" {
		path, err := result.Save(m.Save, r)
		if err != nil {
			return nil, err
		}
		run := NewRun(r, path)
		return &run, nil
	}
	run := NewRun(r, "")
	return &run, nil
}

func (m *Maker) open(ctx context.Context, request machine.Request) (Runner, error) {
	if m.Open != nil {
		return m.Open(ctx, request)
	}
	if request.Backend == machine.NameHost {
		return machine.OpenHost(ctx)
	}
	return machine.OpenVM(ctx, machine.VMOptions{Kernel: request.Kernel})
}

// difference says in what two provenances differ, as far as a person can tell them apart.
func difference(p, q *result.Provenance) string {
	switch {
	case p.Kernel != q.Kernel:
		return fmt.Sprintf("kernel %s, and here %s", p.Kernel, q.Kernel)
	case p.QEMU != q.QEMU:
		return fmt.Sprintf("QEMU %s, and here %s", p.QEMU, q.QEMU)
	case p.Program() != q.Program():
		return "another build of ruleout"
	case p.Machine != q.Machine:
		return fmt.Sprintf("machine %s, and here %s", p.Machine, q.Machine)
	}
	return "of the same versions"
}

// find looks for the record of a calm run. Files that are none of this build's records are passed over.
func (m *Maker) find(recorded *result.Record, calm *scenario.Scenario, seed uint64) *Run {
	hash := calm.Hash()
	for _, dir := range m.Dirs {
		// [result.FileName] has the scenario's name and the seed in front.
		files, _, err := result.Files([]string{dir})
		if err != nil {
			continue
		}
		prefix := result.BaseName(fmt.Sprintf("%s-%d-", recorded.Scenario.Name, seed))
		for _, file := range files {
			if base := filepath.Base(file); len(base) < len(prefix) || base[:len(prefix)] != prefix {
				continue
			}
			r, err := result.Read(file)
			if err == nil && r.Seed == seed && r.Scenario.Hash == hash && r.Provenance.Key == recorded.Provenance.Key {
				run := NewRun(r, file)
				return &run
			}
		}
	}
	return nil
}

// Named is a calm run that a person named. notes say what makes it a weaker comparison.
func Named(recorded *result.Record, file string) (run Run, notes []string, err error) {
	r, err := result.Read(file)
	if err != nil {
		return Run{}, nil, err
	}
	if a, b := recorded.Timeline.Interval, r.Timeline.Interval; a != b {
		return Run{}, nil, problem.Wrap(problem.Usage,
			fmt.Errorf("%s: its timeline has an interval of %s, that of the record %s", file, seconds(b), seconds(a)),
			"both runs need the same timeline")
	}
	s, err := scenario.FromCanonical(recorded.Scenario.Canonical)
	if err != nil {
		return Run{}, nil, err
	}
	calm, _ := Calm(s)
	other, err := scenario.FromCanonical(r.Scenario.Canonical)
	if err != nil {
		return Run{}, nil, fmt.Errorf("%s: %w", file, err)
	}
	other.Expect = nil
	if other.Hash() != calm.Hash() {
		notes = append(notes, "the scenario of the run that was named differs in more than the faults")
	}
	if r.Seed != recorded.Seed {
		notes = append(notes, "the run that was named has another seed: its requests leave at other times")
	}
	if p, q := recorded.Provenance, r.Provenance; p.Key != q.Key {
		notes = append(notes, fmt.Sprintf("the run that was named was made with other software (%s)", difference(&q, &p)))
	}
	return NewRun(r, file), notes, nil
}
