// Package deb takes Debian packages and tar archives apart, and trusts neither: it is for files that others made.
//
// # Concept
//
// [Read] reads a .deb from front to back, [ReadTar] a tar archive, compressed or not, and [Expand] any compressed
// stream. Nothing is written and nothing of a package is run: who calls gets each entry with a reader of its contents,
// after its name, its type and its size have been checked against [Limits].
//
// # Traps
//
//   - A header of a few bytes can ask for gigabytes of memory (the window of XZ and zstd) or for terabytes of data:
//     bound what comes out of [Expand] by [Bound] or [ReadAll].
//   - A stream that ends too early is io.ErrUnexpectedEOF in all formats, and a package that does so is [Truncated].
//   - Links are entries like others and are never made here. Who makes them has to see to where they lead.
package deb
