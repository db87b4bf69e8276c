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
// A stage is a pair of devices. On its way out of the first, a packet meets the selector, a
// BPF program that decides, and a prio qdisc with two bands: one passes packets on, the
// other holds the netem that acts on those that were chosen. (Copies are clones that the
// selector makes: netem makes one at most, and recent kernels do not copy its copies.) On its way in at the second it
// is counted, by a program that knows nothing of the fault, and sent on. The last device
// has a netem with the link's own delay and rate, or nothing if it has none.
//
// Two kinds of faults make packets up. For an injection a tracker stands in the selector's place, writes down what
// passes of TCP connections, and the run's own process sends segments that fit out there (see package forge). A
// selector that refuses what is too long turns it into the ICMP message about it, which goes out
// by the stage of the same fault in the other direction. Either is marked, and counted behind the stage for itself.
//
// Faults on one direction are stages in the order of the file, so each has a counter before
// and behind it, what one does is input for the next, and there is never more than one
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
