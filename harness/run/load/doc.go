// Package load puts HTTP/1.1 requests on a node, open loop: a request leaves when the plan says so, whether or not
// earlier ones were answered, and its latency counts from the planned time. A server that stalls is thus met
// by all the requests that it would meet in life; nothing is left out because the generator waited too.
//
// # Concept
//
// [arrival.Plan] draws the arrival times from the seed, when the run begins and before anything is sent; it is a pure
// function. The generator is one thread with one epoll set and one timer, so that a request costs a handful of system
// calls and no hand-over between threads, and the times it takes are those of the kernel's wake-ups.
//
// Every planned request has one fate: it completed (a whole 2xx answer came in before its timeout), or it is an
// error of one [Class], or the client aborted it on purpose. Requests that were never sent, because the cap on
// connections left none free before their timeout, are timeouts that also count as Unsent:
//
//	Planned = Completed + Errors + Aborted + Abandoned
//	Planned = Sent + Unsent + (abandoned before they were sent)
//
// Abandoned is not 0 only if the generator was stopped before its end.
//
// # Late
//
// How far the generator falls behind its own plan is recorded for each request as the time between plan and
// dispatch: the moment at which the generator turns to it. Waiting for a free connection comes after that and is
// latency, not lateness. A p99 beyond the scenario's bound makes a run invalid; package run judges that.
//
// # Life cycle
//
// The generator is the agent role [Role]. It is ready before it sends anything, waits for the start of the measured
// window, sends from the warm-up on, and ends by itself when every request has met its fate. Only requests planned
// inside [0, duration) are measured; the others are traffic like any other.
//
// # Trap
//
// Latencies of errors are not in the histogram: a run in which every slow request times out has fine quantiles.
// Look at Errors first.
package load
