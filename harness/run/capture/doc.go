// Package capture turns what the wires of a run have kept of their packets into pcapng
// files, one for each link, that Wireshark and tshark open.
//
// # Concept
//
// A wire has [Point]s at which packets are seen: where they come from a node ("client>edge
// sent"), where they reach the other ("client>edge received"), and one for each fault on that
// way ("client>edge fault dup-acks"), which sees the packets that the fault chose, before it acts.
// A point is an interface of the file. A packet that a fault touched has a comment that says
// what happened to it, at the fault's point and where it was sent.
//
// # Life cycle
//
// The programs of package fault write an event (see [Event]) for each packet at each point into a ring of
// the wire's own, which no process reads before the run is over: to read it would take CPU time of the
// guest. So a ring that is full keeps the first packets and counts the others. When the run is
// over the rings are copied into a [Spool], files without a name, and [Spool.Write] makes pcapng of them.
//
// # The traps
//
//   - To capture takes CPU time of the machine that is observed, in a virtual machine as well. The run is
//     as reproducible as any other, but it differs from the run without: see docs/guides/capture.md.
//   - Times are the run's own. The start of the measured window is [Epoch]; what was
//     before it, the warm-up and the start of services, is in the year before.
package capture
