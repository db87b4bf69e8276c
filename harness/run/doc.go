// Package run carries out one run: a scenario, once, with one seed, on the kernel
// under it. It does not know whether that kernel is the host's or a guest's.
//
// The life of a run:
//
//  1. [Prepare], which does not know the seed. Build: namespaces, veth pairs, wires with their faults, control groups;
//  2. start, also of [Prepare]: services, then generators, each a process of its own on its node,
//     until all of them say that they are ready.
//     In a virtual machine this is where it is frozen once more ([Serve]), so that many runs
//     of a scenario share all of the above;
//  3. [Prepared.Run], which does: one instant in the near future is made the start of the warm-up, and every
//     part that acts is told the seed and the start of the measured window that follows: the selectors in
//     the kernel, the generators and the recorder act on that clock by themselves,
//     so nothing in the run depends on when this package's goroutines wake up;
//  4. drain: generators wait for their last answers, queues empty;
//  5. the receipts, counters and histograms become a [result.Record].
//
// Everything that was made is undone in reverse order, whatever the outcome.
//
// The trap: the kernel objects of a run belong to this process. A caller in a process that goes on afterwards (the host
// backend) relies on [Run], or on [Prepared.Close], to undo them even when the context is cancelled, and so the undoing
// uses no context.
//
// # The wing
//
// What comes in: a scenario and a seed. What goes out: a record. A run takes a network (topology), links that delay,
// and faults (fault, by netem and BPF), services and generators in processes on the nodes (agent, service, load), a
// recorder (probe), and captures (capture). Package protocol is what the host sees of it; truth is what a kernel's
// netem does. Open run.go first.
package run
