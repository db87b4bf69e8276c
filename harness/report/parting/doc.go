// Package parting makes the HTML page of two records: what was asked differently, what differed first, what followed,
// and the timelines of both in one picture.
//
// It shows what package blame has found, in the order of time. Charts are of the series that differ most, both runs in
// one box: A is a solid line, B a dashed one, and an upright line marks the moment at which the two part. Faults of A
// are shaded. The page looks like that of a run (package page), loads nothing, has no script, and prints.
//
// The traps: as in package page, no text of a record may become template.HTML. And a chart of what takes time or memory
// differs by microseconds and pages from the first sample on, so only what rises above the floor of package effect has
// one.
package parting
