package mutant

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Targets are the packages that decide what a run does, which of its figures count, and which verdict follows.
func Targets() []Target {
	return []Target{
		{Dir: "harness/verdict", About: "verdicts"},
		{Dir: "harness/verdict/cases", About: "which seeds count, and when it is enough"},
		{Dir: "harness/report/effect", About: "what changed while a fault acted"},
		{Dir: "harness/verdict/compare", Files: []string{"compare.go", "family.go", "side.go", "runs.go"}, About: "diff"},
		{Dir: "harness/scenario/arrival", About: "when requests leave"},
		// Tests of generators that run look at the clock, and on a busy machine would kill mutants by chance.
		{
			Dir: "harness/run/load", Files: []string{"config.go", "histogram.go", "recorder.go", "response.go",
				"result.go"},
			Run: "^(TestA(Request|nAnswer)|TestConfigurations|TestConstant|TestEmpty|TestFirst|TestGolden|TestHistogram|" +
				"TestLongest|TestMe|TestN(ew|onsensical)|" +
				"TestP99|TestPoisson|TestQuantile|TestRecorder|TestResponse|TestRetriesEnd|FuzzResponse)",
			About: "the load's accounting",
		},
		{Dir: "harness/record/archive", Files: []string{"frame.go", "index.go", "read.go", "recover.go"},
			About: "recovery of an archive"},
		// The tests of this package run in virtual machines. Those that need no kernel do without when they are asked
		// to.
		{
			Dir: "harness/run/fault", Files: []string{"binomial.go", "decision.go", "markov.go", "receipt.go",
				"selection.go"},
			Run:    "^(TestPlain|TestInterval|TestTheBound|TestAModelWithoutMemory|TestHashIs)",
			Env:    []string{"RULEOUT_TEST_PURE=1"},
			Except: []string{"Wires.Receipts", "Wires.QdiscStats", "selector.selection"}, // which ask a kernel
			About:  "which packets a fault chooses, and what its receipt has to show",
		},
		{
			Dir: "harness/run/fault", Files: []string{"draw.go"}, Machine: true,
			Run:   "^(TestKernelDecidesAsItsTwinInGo|TestOrdinalsChooseExactly|TestBurstsOfChance)$",
			About: "the same choice as the kernel makes it",
		},
	}
}

// Name of the target: that of its package, and whether it needs machines.
func (t Target) Name() string {
	if t.Machine {
		return t.Dir + " (in a machine)"
	}
	return t.Dir
}

// Sum is a hash of all that the tests of a package depend on in its directory, so that results of another state of it
// are not believed. What it imports is left out: a change there seldom decides over a mutant here.
func Sum(root string, t Target) (string, error) {
	h := sha256.New()
	dir := filepath.Join(root, t.Dir)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/testdata/rapid/") { // which tests write
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintf(h, "%s\x00", path[len(dir):])
		_, err = io.Copy(h, f)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read package: %w", err)
	}
	fmt.Fprintf(h, "%q", []string{t.Run, fmt.Sprint(t.Env)})
	return fmt.Sprintf("%x", h.Sum(nil)[:16]), nil
}
