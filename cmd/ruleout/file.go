package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/expect"
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
