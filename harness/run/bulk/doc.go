// Package bulk moves as much as TCP carries from one node to another, over a number of connections, and says how much
// came through each.
//
// # Concept
//
// The sender writes whenever the kernel has room. The sink counts what it reads, by connection: that is goodput, what
// an application gets, without headers and without what was sent twice. Each connection begins with 8 bytes that say
// whose it is; they count like all others.
//
// # Life cycle
//
// [LoadRole] opens all connections at the same time, and ends by itself when all have sent what they should, or when
// its time is over. [SinkRole] serves as soon as it is ready, and tells what it counted when it is stopped. [Join] puts
// both halves together.
//
// # Trap
//
// Sender and sink share the machine's one CPU with everything else. Beyond some 30,000 packets a second it is the CPU
// that is measured.
package bulk
