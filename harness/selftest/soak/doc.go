// Package soak finds out whether runs repeat, by repeating them.
//
// A soak makes the same run many times, several at once, on a machine whose
// processors are all kept busy by something else: whatever leaks from the host's
// time into a run has its best chance to show then. Every digest is compared with the
// first. One run with another seed must give another digest, or the digest would
// cover nothing that matters.
//
// A rate that is published is a rate that was measured: [Result] says how many runs it
// stands for, and on which QEMU and kernel.
//
// The trap: a soak on an idle machine proves little. Differences that one run in a
// hundred has on a busy machine were never seen on an idle one.
package soak
