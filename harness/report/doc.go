// Package report says what a run left behind in a form that a person reads:
// [Text] for a terminal, [Markdown] for the summary page of a CI job.
//
// Both are made of the same sections, in the order in which a reader asks: is the
// run valid, did the fault act, did the load arrive, how long did answers take, what
// did the nodes go through, which of the kernel's counters moved, was it as expected.
// The record itself stays the only source; nothing is measured or judged here.
//
// Numbers carry their unit and no more digits than they are worth: three at most
// for times and sizes, one behind the point for shares.
//
// The trap: columns that a record has nothing for are left out (a kernel without
// pressure information, a run without a load), so the set of columns is not fixed.
// Programs read the record's JSON, never these tables.
//
// # The wing
//
// What comes in: records and verdicts. What goes out: text, tables and pages for people (report, findings, page, board), answers
// about archives (query), the curves and pictures on pages (chart, diagram), and what changed while a fault acted (effect).
// Open section.go first.
package report
