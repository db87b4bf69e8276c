// Package report shows the result of a run to people: [Text] for a terminal, [Markdown] for the summary page of a CI
// job.
//
// Both have the same sections, in the order of a reader's questions: is the run valid, did the fault act, did the load
// arrive, how long did answers take, what did the nodes go through, which kernel counters moved, was it as expected.
// The record is the only source; nothing is measured or evaluated here.
//
// Numbers have their unit and only the digits that matter: at most three for times and sizes, one decimal for shares.
//
// The trap: columns that a record has nothing for are left out (a kernel without
// pressure information, a run without a load), so the set of columns is not fixed.
// Programs read the record's JSON, never these tables.
//
// # The wing
//
// What comes in: records and verdicts. What goes out: text, tables and pages for people (report, findings, page,
// parting, board, grid), answers about archives (query), the curves and pictures on pages (chart, diagram), and what
// changed while a fault acted (effect). Open section.go first.
package report
