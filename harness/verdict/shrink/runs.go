package shrink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/text"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/sweep"
)

// Runs is a [Judge] that makes runs: a document shows what is looked for if all its expectations hold, on all seeds of
// the block, and the runs are valid. Its runs are kept in the loop's archive, so that a search that was interrupted
// goes on, and none is made twice.
type Runs struct {
	// Loop makes the runs. Its archive has to be given.
	Loop sweep.Loop
	// Path of the file that the document is from, to which its paths are relative.
	Path string
	// Kernel by its name in the store, and its release.
	Kernel, Release string
	// Seeds of the block: so many, from First on. That of the run that is made smaller comes first.
	First uint64
	Seeds int
	// why has the reason of the last run that was of no use, for messages.
	why string
}

// NotShown is the error of a document that does not show what is looked for to begin with. It says of a run that was of
// no use why.
func (r *Runs) NotShown() error {
	if r.why != "" {
		return fmt.Errorf("%w: %s", ErrNotShown, r.why)
	}
	return ErrNotShown
}

// Subject is a scenario that is to be made smaller.
type Subject struct {
	Doc      *yaml.Node
	Scenario *scenario.Scenario
	// Text of the file, or, for the scenario of a record, as it would stand in one.
	Text []byte
}

// Open reads a scenario file with settings PATH=VALUE.
func Open(path string, set []string) (*Subject, error) {
	f, err := expect.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := f.With(set)
	return &Subject{f.Document(set).Root(), s, f.Text}, err
}

// OfRecord takes the scenario of a record, with settings PATH=VALUE. The record is in the file of that name. The error
// is of kind [problem.Usage].
func OfRecord(path string, s *scenario.Scenario, set []string) (*Subject, error) {
	written, err := text.Of(s)
	if err != nil {
		return nil, err
	}
	f := expect.File{File: &scenario.File{Path: path, Text: written}}
	if s, err = f.With(set); err != nil {
		return nil, err
	}
	doc := f.Document(set).Root()
	plain(doc)
	written, err = Text(doc)
	return &Subject{doc, s, written}, err
}

// Check says whether expectations are such of a scenario. The error is of kind [problem.Usage].
func Check(keep []string, s *scenario.Scenario) error {
	for _, text := range keep {
		if _, err := expect.Compile(text, s); err != nil {
			return fmt.Errorf("--keep %q: %w", text, err)
		}
	}
	return nil
}

// Shows makes the runs of a document: that of the first seed, and the others only if that one shows it.
func (r *Runs) Shows(ctx context.Context, text []byte) (bool, error) {
	n, err := r.count(ctx, text, r.First, 1)
	if err != nil || n == 0 || r.Seeds == 1 {
		return n > 0, err
	}
	n, err = r.count(ctx, text, r.First+1, r.Seeds-1)
	return n == r.Seeds-1, err
}

// Fresh returns on how many of n seeds after those of the block a document shows what is looked for.
func (r *Runs) Fresh(ctx context.Context, text []byte, n int) (int, error) {
	return r.count(ctx, text, r.First+uint64(r.Seeds), n)
}

// count makes the runs of some seeds of a document, and counts those that show it. None does if it is no scenario.
func (r *Runs) count(ctx context.Context, text []byte, first uint64, n int) (shows int, err error) {
	s, err := scenario.Parse(r.Path, text, nil, expect.Check)
	if err != nil || len(s.Expect) == 0 {
		return 0, nil //nolint:nilerr // what is no scenario shows nothing
	}
	var keep []*expect.Expr
	for _, text := range s.Expect {
		e, err := expect.Compile(string(text), s)
		if err != nil {
			return 0, nil //nolint:nilerr // what it is about was left out
		}
		keep = append(keep, e)
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	arm := campaign.Arm{Scenario: s, Hash: s.Hash(), Kernel: r.Kernel}
	job := sweep.Job{Name: s.Name, Arm: arm, Release: r.Release, Seeds: seeds}
	made, err := r.Loop.Make(ctx, []sweep.Job{job}, nil)
	if err != nil {
		return 0, err
	}
	for _, b := range made.Broken {
		r.why = fmt.Sprintf("the run with seed %d broke: %v", b.Seed, b.Err)
	}
	err = r.Loop.Archive.Entries(func(e *archive.Entry) error {
		if e.Scenario == job.Arm.Hash && e.Kernel == r.Release && e.Seed >= first && e.Seed-first < uint64(n) &&
			e.Failure == "" {
			if !e.Valid {
				r.why = fmt.Sprintf("the run with seed %d is invalid: %s", e.Seed, e.Because)
			} else if holds(keep, e) {
				shows++
			}
		}
		return nil
	})
	return shows, err
}

func holds(keep []*expect.Expr, e *archive.Entry) bool {
	for _, k := range keep {
		if ok, _, err := k.Eval(e.Value); err != nil || !ok {
			return false
		}
	}
	return true
}

// ErrNotShown says that the scenario does not show what is looked for to begin with.
var ErrNotShown = errors.New("the scenario as it is does not show it on all seeds")

// most packets of a fault that are looked at.
const most = 100_000

// Draw returns the packets that the chance of a fault hits with the first seed, if they are counted over its link. A
// fault that counts over flows hits others; these stand in for them, since a number alone does not name a packet of one
// flow. It returns nothing for a fault in both directions, and for one whose choice is by more than a chance.
func (r *Runs) Draw(text []byte, name string) []int {
	s, err := scenario.Parse(r.Path, text, nil)
	if err != nil {
		return nil
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		more := f.Select.Nth+f.Select.Every+f.Select.First > 0 || f.Ramp != nil
		if f.Name == name && f.From != "" && f.Select.Chance != nil && *f.Select.Chance < 1 && !more {
			direction := byte(slices.Index(f.Link[:], f.From) + 1)
			return choice.OfLink(r.First, f.Name, direction, float64(*f.Select.Chance), most)
		}
	}
	return nil
}

// Digest returns that of a document's run with the first seed of the block, which was made.
func (r *Runs) Digest(text []byte) (digest string, err error) {
	s, err := scenario.Parse(r.Path, text, nil, expect.Check)
	if err != nil {
		return "", err
	}
	hash := s.Hash()
	err = r.Loop.Archive.Entries(func(e *archive.Entry) error {
		if e.Scenario == hash && e.Kernel == r.Release && e.Seed == r.First && e.Failure == "" {
			digest = e.Digest
		}
		return nil
	})
	return digest, err
}
