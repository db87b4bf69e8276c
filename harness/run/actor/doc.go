// Package actor runs threads that act at planned moments of a run: that take a link down, inject a segment, empty a
// table of connections.
//
// Moments are absolute, on CLOCK_MONOTONIC. An [Actor] has precedence over the nodes, and lives until its function
// returns or it is stopped.
//
// The trap: an actor takes one of the Go scheduler's places. Start none that has nothing to do.
package actor
