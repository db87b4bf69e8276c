package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Entry is a run in a list of runs: what fits into a line.
type Entry struct {
	Name, About, Kernel string
	// Set is what --set changed, as on the command line.
	Set  string
	Seed uint64
	// Word and Why are those of [Outcome].
	Word, Why string
	// Requests that were planned, Errors among them, and quantiles of the latency, all of them in words.
	Requests, Errors, P50, P99 string
}

// NewEntry makes the line of a record.
func NewEntry(r *result.Record) Entry {
	e := Entry{
		Name: r.Scenario.Name, Kernel: r.Provenance.Kernel, Seed: r.Seed,
		Requests: none, Errors: none, P50: value(r, "http.latency.p50"), P99: value(r, "http.latency.p99"),
	}
	e.Word, e.Why = Outcome(r)
	for _, path := range slices.Sorted(maps.Keys(r.Scenario.Set)) {
		e.Set = strings.TrimSpace(e.Set + " " + path + "=" + r.Scenario.Set[path])
	}
	if s, err := scenario.FromCanonical(r.Scenario.Canonical); err == nil {
		e.About = s.About
	}
	if r.Load.Planned > 0 {
		e.Requests, e.Errors = quantity.Count(r.Load.Planned), quantity.Count(r.Load.Errors)
	}
	return e
}

func list(entries []Entry) Section {
	sec := Section{ID: "runs", Title: "Runs", Left: 1,
		Header: []string{"scenario", "seed", "kernel", "requests", "errors", "p50", "p99", "outcome"}}
	for _, e := range entries {
		name := e.Name
		if e.Set != "" {
			name += " (" + e.Set + ")"
		}
		sec.Rows = append(sec.Rows, []string{name, fmt.Sprint(e.Seed), e.Kernel, e.Requests, e.Errors, e.P50, e.P99,
			e.Word + ": " + e.Why})
	}
	return sec
}

// TextList writes a table of runs, a line each.
func TextList(w io.Writer, entries []Entry, o Options) error {
	p := &printer{w: w, color: o.Color}
	p.table(list(entries))
	return p.err
}

// MarkdownList writes the same as [TextList] in Markdown.
func MarkdownList(w io.Writer, entries []Entry) error {
	p := &printer{w: w}
	sec := list(entries)
	p.text(sec.table().Markdown())
	return p.err
}
