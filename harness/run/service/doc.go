// Package service holds what runs on a node: a PHP-like pool and its database.
//
// # Concept
//
// The pool ("php") is a prefork server as the kernel sees it: one task a worker, all of them asleep in
// accept(2) on one listening socket. A busy worker reads a request, burns CPU, asks its database a few times
// one after the other, answers, and holds its task all the while. No process accepts ahead: with every
// worker busy the accept queue fills up to the backlog, and overflows. A worker is held by an idle
// keep-alive connection too, until [PHPConfig.IdleTimeout].
//
// The database ("sql") has one thread a connection, sleeps for its service time and answers. Its protocol is
// a length in 4 bytes, big-endian, then as many bytes, both ways.
//
// # Burnt CPU
//
// The CPU of a request is a number of turns of a loop, not a time: what interrupts steal from
// a worker makes the request longer, as in life. The number is calibrated at start against
// CLOCK_THREAD_CPUTIME_ID, see [calibrate]; where time is virtual it is exact to about one part in a
// thousand, and the same in every run that is undisturbed while it is taken.
//
// # Life cycle
//
// Both are roles of package agent, by the names [PHPRole] and [SQLRole]. They are ready when they listen and every
// worker is about to accept; they end when they are stopped, and their results are counters over their whole life,
// warm-up included. The process exits without closing connections in order.
//
// # Trap
//
// Workers block in raw system calls (see package socket), so nothing on a worker's path may allocate: there is
// no garbage collection in such a process.
package service
