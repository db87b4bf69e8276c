package page

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
)

// Entry is a line of an index: a run, and the file of its page.
type Entry struct {
	report.Entry
	// File of the page, relative to the index.
	File string
}

// Name of the page of a record: that of its file.
func Name(record string) string {
	return strings.TrimSuffix(filepath.Base(record), ".json") + ".html"
}

// Pages writes a page for each record file and index.html, which links to them. One record is in memory at a time.
// options say where a record is; create makes the file of that name.
func Pages(files []string, options func(file string) report.Options,
	create func(name string, write func(io.Writer) error) error) error {
	var entries []Entry
	taken := map[string]bool{"index.html": true}
	for _, file := range files {
		r, err := result.Read(file)
		if err != nil {
			return err
		}
		name := Name(file)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d.html", strings.TrimSuffix(Name(file), ".html"), n)
		}
		taken[name] = true
		if err := create(name, func(w io.Writer) error { return Write(w, r, options(file)) }); err != nil {
			return err
		}
		entries = append(entries, Entry{Entry: report.NewEntry(r), File: name})
	}
	return create("index.html", func(w io.Writer) error { return Index(w, entries) })
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
