package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/expect"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// loadScenario reads a scenario and works --set arguments into it.
func loadScenario(path string, set []string) (*scenario.Scenario, error) {
	return expect.Load(path, set)
}

// shorten returns the path relative to the current directory where that is shorter
// to read and to type.
func shorten(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// writeWhole writes a file that appears whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	place := func(err error) error {
		return problem.Wrap(problem.Machine, fmt.Errorf("write %s: %w", path, err), "give another place with -o")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return place(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	buffered := bufio.NewWriter(f)
	if err := write(buffered); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(buffered.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return place(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return place(err)
	}
	return nil
}
