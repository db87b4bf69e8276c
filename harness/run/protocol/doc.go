// Package protocol is what passes between the two programs: ruleout, which runs on the host, and ruleout-guest, which
// makes a run, in a virtual machine or on the host itself.
//
// An [Order] goes in, and later a [Draw]. A stream of JSON documents comes back, one a line: events while the run goes
// on, and then the record or an error. [Sender] writes the stream, [Receive] reads it.
//
// The trap: the two programs are built apart, and one of them may be older. [Number] is raised whenever a type of the
// stream changes its shape; a test holds the shape of them all against a file, and fails until both are changed.
package protocol
