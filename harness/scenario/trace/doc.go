// Package trace reads when requests came in real life: from the access log of a web server, or from the SYNs of a
// capture. A scenario replays these times.
//
// # Concept
//
// [Log] and [Capture] go through a file twice, the first time for its earliest request. They keep the times that lie
// in a [Window], and nothing else: a log of a gigabyte takes the memory of the requests that are replayed, of which
// there are [Most] at most.
//
// # Trap
//
// Files are of strangers. A line or a packet that cannot be read is counted in [Trace.Broken] and passed over. An
// access log has whole seconds and is not in their order: nginx writes a line when the answer is through.
// [Trace.Grain] says how much of the time is not known.
package trace
