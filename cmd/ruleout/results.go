package main

import (
	"github.com/ruleout/ruleout/harness/record/archive"
)

type resultsCmd struct {
	List   resultsListCmd   `cmd:"" help:"List the records of a sweep."`
	Query  resultsQueryCmd  `cmd:"" help:"Query runs by a condition, or statistics of groups of runs."`
	Show   resultsShowCmd   `cmd:"" help:"Print one record, or save it as a file for replay."`
	Export resultsExportCmd `cmd:"" help:"Write metrics of all records as CSV, or in the Go benchmark format for benchstat."`
	Keep   resultsKeepCmd   `cmd:"" help:"Keep only the numbers that decide the verdicts of a sweep, small enough for a repository."`
	Merge  resultsMergeCmd  `cmd:"" help:"Merge the records of shards."`
}

// readResults opens an archive, and notes what is wrong with it.
func readResults(u *ui, dir string) (*archive.Reader, error) {
	r, err := archive.Read(dir)
	if err == nil {
		_ = r.Tell(func(text string) { u.note("%s: %s", shorten(dir), text) }) // runs with two digests are noted, too
	}
	return r, err
}
