// Package witness holds tests alone: in the guest, beside the recorder, the distribution's own tools read what a
// run did, nstat its counters and ss its sockets, each in the node's namespace. What they say is what has to be in
// the record.
//
// The tools are those of the machine that runs the tests, put into the guest with the libraries that they need.
// They take CPU time there, so they read while nothing else happens: right after the start of the window and
// shortly before its end.
package witness
