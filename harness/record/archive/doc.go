// Package archive keeps the records of a sweep: append-only, compressed, and safe against being killed at any moment.
//
// An archive is a directory. records.zst is the truth: each record is one line of JSON in a zstd frame of its own,
// behind a skippable frame that has its length and SHA-256, so that "zstd -dc records.zst" prints JSON Lines and damage
// in the middle costs one record and no other. A run that failed has such a line, too ([Failed]). index has, for each
// of them, its place and the numbers that verdicts are made of; it is written beside the records and made again from
// them whenever it does not fit. campaign.json says what the archive is of ([Identity]), and what its runs were made
// with.
//
// Life cycle: [Open] takes the directory's lock, reads all records, drops what a crash left half written at the end and
// says so; [Archive.Append] adds one record and [Archive.Fail] a run without one; [Archive.Entries] goes through all of
// them in the order of the file, reading the index as it goes, so that memory does not grow with the numbers in them.
// [Read] opens without the lock, for evaluation and reports, also while a sweep goes on, and checks as much.
// [Archive.Merge] adds the runs of other archives, each once.
//
// Whatever is wrong with the files is found on opening, and told: see [Damage] and [Conflict].
//
// The trap: a record is durable against the death of the process when Append returns, and against that of the machine
// only after [Archive.Sync], which Append calls once a second and Close at the end. After a power cut the last second
// may be missing, never half a record.
package archive
