// Package base is the wing on which all others stand. Its packages know nothing of networks.
//
// What comes in: nothing. What goes out: errors with a place and a hint (problem), files that appear whole or not at
// all (atomicfile), undoing in reverse order (undo), and the few things that a deterministic machine asks of a Go
// program (realtime, prefault). Open problem first: every error of the program is one of its kinds.
package base
