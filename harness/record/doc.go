// Package record is the wing of what runs leave behind.
//
// What comes in: measurements of a run, from the run wing, and what it was made with, from the machine wing. What goes
// out: the record of a run as a file with a digest (result), and an append-only archive of many (archive). Open result
// first.
package record
