package main

import (
	"github.com/ruleout/ruleout/harness/record/archive"
)

type resultsCmd struct {
	List   resultsListCmd   `cmd:"" help:"List the records of a sweep."`
	Query  resultsQueryCmd  `cmd:"" help:"Ask for runs by a condition, and for what groups of them come to."`
	Show   resultsShowCmd   `cmd:"" help:"Print one record, or keep it as a file that can be replayed."`
	Export resultsExportCmd `cmd:"" help:"Write metrics of all records as CSV, or in the Go benchmark format that benchstat reads."`
	Keep   resultsKeepCmd   `cmd:"" help:"Keep what the verdicts of a sweep rest on, without its records: small enough for a repository."`
	Merge  resultsMergeCmd  `cmd:"" help:"Merge the records of shards."`
}

// readResults opens an archive, and tells what is wrong with it.
func readResults(u *ui, dir string) (*archive.Reader, error) {
	r, err := archive.Read(dir)
	if err == nil {
		_ = r.Tell(func(text string) { u.note("%s: %s", shorten(dir), text) }) // runs with two digests are noted, too
	}
	return r, err
}
