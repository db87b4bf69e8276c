// Package fault makes the links of a network do what a scenario says: delay, rate and
// queue of each link, the faults on it, and proof of what the faults did.
//
// # The wire
//
// Packets are touched in the namespace in the middle of a link (see package topology) and
// never on a node, where the sender's TCP would feel it. Each direction of a link is a
// path through that namespace:
//
//	node a ─ [count] ─ stage 1 ─ [count] ─ stage 2 ─ [count] ─ last device ─ node b [count]
//
// Where packets come in, a BPF program counts them and calls the selector of the first stage, another program, which
// decides. Packets that it does not choose go on to the next count and the next selector, all within one call, and then
// to the last device. That has a netem with the link's own delay and rate, or nothing if it has none.
//
// A stage in which netem acts has a pair of devices, with the netem on the first, and chosen packets go out by it. What
// comes in at the second is counted, by a program that knows nothing of the fault, and goes on from there. (Copies are
// clones that the selector makes: netem makes one at most, and recent kernels do not copy its copies.) Where netem may
// let packets go at once all go that way, with a prio qdisc that gives it the chosen: none is to overtake another.
//
// Before a packet goes into a netem that holds packets it is taken from the socket that sent it: TCP does not send a
// segment again whose first copy is still on its own host. See detacher.
//
// Two kinds of faults make packets up. For an injection a tracker stands in the selector's place, writes down what
// passes of TCP connections, and the run's own process sends segments that fit out there (see package forge). A
// selector that refuses what is too long turns it into the ICMP message about it, which goes out
// by the stage of the same fault in the other direction. Either is marked, and counted after the stage for itself.
//
// Faults on one direction are stages in the order of the file, so each has a counter before
// and after it, what one does is input for the next, and there is never more than one
// netem on a device: some kernels refuse a duplicating one beside another.
//
// docs/architecture/faults.md has the selector's hash and the arithmetic of the receipt.
//
// # Life cycle
//
// [Install] builds the wires of a network and so connects its nodes. [Wires.Arm] says when
// the measured window begins, from which the faults' times count; nothing is chosen before.
// [Wires.Receipts] closes the wires to new packets, waits for those under way and reports.
// [Wires.Close] takes all of it away; it comes before the network's own Close.
//
// # The traps
//
//   - Jitter reorders: each packet gets a time of its own.
//   - Reorder and delay with a chance below 100 % are the same mechanism: the chosen wait
//     in a queue of their own, and others overtake them. Reorder says that this is meant.
//   - Ordinals count per flow. On a machine with several CPUs two packets of one flow that
//     are handled at the very same moment may share an ordinal; with one CPU, as in the vm
//     backend, they cannot.
package fault
