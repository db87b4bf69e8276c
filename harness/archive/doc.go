// Package archive keeps the records of a sweep: append-only, compressed, and safe against being killed at any moment.
//
// An archive is a directory. records.zst is the truth: each record is one line of JSON in a zstd frame of its own, behind a
// skippable frame that has its length and SHA-256, so that "zstd -dc records.zst" prints JSON Lines and damage in the
// middle costs one record and no other. index has, for each record, its place and the numbers that verdicts are made of; it
// is written beside the records and made again from them whenever it does not fit. campaign.json says what the archive is of.
//
// Life cycle: [Open] takes the directory's lock, drops what a crash left half written at the end and says so, and
// [Archive.Append] adds one record; [Archive.Entries] goes through all of them in the order of the file, reading the index as
// it goes, so that memory does not grow with their number. [Read] opens without the lock, for judging and reports, also
// while a sweep goes on. [Merge] adds the records of other archives, each once.
//
// The trap: a record is durable against the death of the process when Append returns, and against that of the machine
// only after [Archive.Sync], which Append calls once a second and Close at the end. After a power cut the last second may be missing, never half a record.
package archive
