package page

import (
	"io"

	"github.com/ruleout/ruleout/harness/report"
)

// Entry is a line of an index: a run, and the file of its page.
type Entry struct {
	report.Entry
	// File of the page, relative to the index.
	File string
}

// Index writes a page with a table of runs that links to their pages.
func Index(w io.Writer, entries []Entry) error {
	v := struct {
		Rows                      []Entry
		Met, Failed, Invalid, All int
	}{Rows: entries, All: len(entries)}
	for _, e := range entries {
		switch e.Word {
		case report.OutcomeMet:
			v.Met++
		case report.OutcomeInvalid:
			v.Invalid++
		default:
			v.Failed++
		}
	}
	return execute(w, "index.html", v)
}

// Class is the colour of an outcome.
func (e Entry) Class() string { return outcomes[e.Word].Class }

// Mark goes before it, so that nothing is said by colour alone.
func (e Entry) Mark() string { return outcomes[e.Word].Mark }

// outcomes as pages show them.
var outcomes = map[string]outcome{
	report.OutcomeMet:     {Class: "good", Mark: "✓"},
	report.OutcomeFailed:  {Class: "bad", Mark: "✗"},
	report.OutcomeInvalid: {Class: "void", Mark: "⚠"},
}
