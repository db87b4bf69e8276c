package mutant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Status is what became of a mutant.
type Status string

// Statuses.
const (
	Killed    Status = "killed"    // a test failed
	TimedOut  Status = "timed out" // the tests did not come to an end, which counts as killed
	Survived  Status = "survived"
	Uncovered Status = "uncovered" // no test reaches it, which counts as survived
	Unviable  Status = "unviable"  // it does not compile, and counts for nothing
)

// Outcome is what became of a mutant, as a line of the file of results has it.
type Outcome struct {
	Package string `json:"package"`
	Key     string `json:"key"`
	Line    int    `json:"line"`
	Status  Status `json:"status"`
	// Sum is of all files of the package: with others the mutant is tried again.
	Sum     string  `json:"sum"`
	Seconds float64 `json:"seconds"`
}

// Target is a package whose mutants are tried.
type Target struct {
	// Dir is relative to the root of the module.
	Dir string
	// Files that are changed; none stands for all.
	Files []string
	// Except are functions that are left as they are, TYPE.METHOD for a method.
	Except []string
	// Run is the -run of go test; empty for all tests. Env is added to the environment.
	Run string
	Env []string
	// Machine says that the tests boot virtual machines, so that a mutant takes half a minute.
	Machine bool
	// About says to a person which part it is.
	About string
}

// Lab runs tests with mutants.
type Lab struct {
	Root    string // of the module
	Workers int
	// Tell is called after each mutant by one goroutine at a time, or nil.
	Tell func(Outcome)
}

// Try runs the tests of the target with each mutant. It returns the outcomes so far also with an error, which says that
// the tests fail without any mutant, or that the context has ended.
func (l *Lab) Try(ctx context.Context, t Target, list []Mutant, sum string) (outcomes []Outcome, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, fmt.Errorf("make directory of mutants: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	b := &bench{root: l.Root, target: t, list: list, tmp: tmp}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan int)
	var failed error
	for range max(l.Workers, 1) {
		wg.Go(func() {
			for i := range next {
				began := time.Now()
				o := Outcome{Package: t.Dir, Key: list[i].Key(), Line: list[i].Line, Sum: sum}
				var err error
				o.Status, err = b.try(ctx, i)
				o.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
				mu.Lock()
				if failed = errors.Join(failed, err); err == nil {
					outcomes = append(outcomes, o)
					if l.Tell != nil {
						l.Tell(o)
					}
				}
				mu.Unlock()
			}
		})
	}
	for i := range list {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	return outcomes, failed
}
