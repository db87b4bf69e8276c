// Package packet finds the first packet in which the captures of two runs differ.
//
// # Concept
//
// The two runs have their captures in two directories (package pcapng): a file for each link, in which each packet is
// seen at several points, where it was sent, where it was received, and at each fault that touched it. A [Side] is such
// a directory. At each point, each direction of each [Conversation] is a list of packets in the order of time. The nth
// packet of a list is compared with the nth packet of the same list of the other run. Of all lists, the pair that
// differs earliest is where the two runs part: [Comparison.First].
//
// # The same conversation
//
// A conversation is a TCP connection, all datagrams between two ports, or all ICMP messages between two addresses. A
// SYN after a FIN or a RST begins another one on the same ports. The one that begins it is the client; of a connection
// whose SYN is not in the capture, the server is that with the lower port. Conversations of one link with the same
// addresses, protocol and server's port are paired:
//
//   - by the client's port, if at least half of the client's ports of one run are also ports of the other one. Loads
//     take ports that follow from the request.
//   - else in the order in which they began: the kernel drew the ports, and another kernel draws others.
//
// # The same packet
//
// Two packets are the same if all of these are equal:
//
//   - the protocol; of ICMP, type and code;
//   - IP: the DSCP and ECN bits, the time to live, "do not fragment", and the place of a fragment;
//   - TCP: all flags; the sequence number relative to the sender's first one, that of its SYN; the acknowledgement
//     number relative to the receiver's first one; the blocks of SACK, relative to the same; of other options, the MSS,
//     the window's scale, whether SACK is permitted, and which further kinds there are;
//   - the length of what TCP, UDP or ICMP carries, in bytes, from the header of IP.
//
// What may differ in the same packet: the time, the first sequence numbers, the values of timestamps, the IP
// identification, the flow label of IPv6, ports and addresses of the conversation, checksums, and the payload itself,
// of which a capture has a part only.
//
// The receive window differs from kernel to kernel in most packets, so it does not tell packets apart. The first packet
// whose window differs, and that is the same otherwise, is told on its own: [Comparison.Window]. So is the first one
// that comes at another time, by more than [Late]: [Comparison.Moved].
//
// # The traps
//
//   - A capture takes CPU time, so the captured run is another than the one that was recorded. What differs first in
//     the captures need not be what differed first in the records.
//   - The nth packet of a list: after a packet that only one run has, all that follow are others. Only the first pair
//     that differs says something.
//   - What only one run has in the last [Late] of both captures, or after the end of a capture that was cut short, is
//     not compared: the other run may have had it too.
//   - Two conversations that begin at nearly the same time may begin in another order, where kernels draw the ports.
package packet
