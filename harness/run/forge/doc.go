// Package forge writes TCP segments that no TCP has sent, down to the Ethernet header and
// with the checksums that make a receiver believe in them.
//
// # What makes a receiver take a segment
//
// Linux looks at a segment of an established connection in this order (tcp_validate_incoming):
// at its timestamps, where an old value means an old segment (PAWS, RFC 7323), at its
// sequence number against the window, and only then at flags and acknowledgement. So a
// [Segment] carries the timestamps option when the connection has it, with values that the
// true sender has used.
//
// # The trap
//
// The package knows nothing of a connection's state: the caller says which numbers are right. Numbers are absolute, as
// they are on the wire, not relative to the first.
package forge
