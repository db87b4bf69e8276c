// Package datagram sends numbered UDP datagrams between two nodes and says what became of them: which were lost, came
// twice, or were overtaken, and how long each took one way.
//
// # Concept
//
// Each datagram carries its load, its number, and the time at which it was handed to the kernel, by CLOCK_MONOTONIC.
// All nodes are on one machine and have that clock alike, so the receiver knows the delay one way to about a
// microsecond (see [agent.Now]); no round trip is halved. A [Way] is what a receiver makes of one direction: of the
// datagrams at the service, and of the answers at the load.
//
//	sent = received + lost    (late is among the lost)
//
// A datagram is lost if it did not come within the load's timeout. It is reordered if one with a higher number came
// before it (RFC 4737, 3.3), and a duplicate if its number came before (RFC 5560); a duplicate is in no other count.
//
// # Life cycle
//
// The sender is the agent role [LoadRole]: it sends by the plan of package arrival, as package load does, waits for its
// timeout after the last one, and ends by itself. The service is [ServiceRole]: it serves as soon as it is ready, and
// tells what it counted when it is stopped. Both halves of a result are put together by [Join].
//
// # Trap
//
// The time is taken before send(2) and after recv(2). What a datagram waited in the receive buffer, because its
// receiver was busy or the one CPU was, is in its delay, as it would be for any program.
package datagram
