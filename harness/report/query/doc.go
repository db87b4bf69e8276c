// Package query asks the index of an archive of records: which runs, which of their numbers, and what groups
// of them come to.
//
//	http.latency.p90 > 20ms and kernel == 6.1 and factor.workers == 20
//
// Conditions are those of package expect, over metrics and counters, with units. There are fields beside them
// ([Source.Vocabulary]): what identifies a run, whether it is valid, and, in an archive of a sweep, what its scenario
// sets and the levels of the campaign's factors.
//
// Life cycle: [Open] looks through the index once for the names in it, [Source.Ask] a second time for the answer. Rows
// are made as the index is read, so that memory grows with what is shown, grouped or sorted, and not with the archive.
//
// The trap: a run may not have a number that a condition asks for. It is left out then, as it is in SQL, unless the
// other side of an "and" or "or" decides, and [Table.Unknown] says how many were.
package query
