// Package httphead reads the head of an HTTP/1.1 message (RFC 9112): what stands before the
// body, how long the body is, and where a chunked one ends. The load generator reads answers with it, the
// services requests. Both have the bytes in a buffer of their own, as they came from a socket that must
// not block, which is not how package net/http wants them.
//
// A [Head] refers to the bytes that it was read from; [Chunks] takes a chunked body in pieces and keeps none of it.
// Nothing is allocated.
//
// It is stricter than it must be, since both ends of a run are known: no bare line feeds, no folded lines. The trap is
// what two readers understand differently: lengths that contradict one another are an error, and the receiver of a
// message with a transfer encoding must not go by its length.
package httphead
