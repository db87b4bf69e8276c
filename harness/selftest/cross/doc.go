// Package cross checks the figures of a record by a second instrument: what a capture of the same run holds, as
// tshark reads it.
//
// # Concept
//
// Every figure that packets can tell is recomputed from them, by another program and another way than the one that
// made it. The package shares no code with the rest of the harness: it reads a record as JSON, runs tshark, and
// knows of the harness only what the guides and the reference say. A [Check] gives for each of its metrics the
// least and the greatest value that the capture allows. The width between the two is derived: it is where the
// capture point stands, against where the metric is taken. A record outside of that is wrong, or the check is.
//
// A metric of docs/reference/metrics.md has a check or a reason why a capture cannot tell it (see [Reasons]). A test
// fails for one that has neither.
//
// # The trap
//
// tshark takes a packet that it sees twice for a retransmission. So each end of a link is read by itself: what
// the node there has put on the wire, and what has reached it.
package cross
