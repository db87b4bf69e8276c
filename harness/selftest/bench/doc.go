// Package bench measures the harness itself: how fast machines are frozen and
// cloned, how many runs a second that makes, what it costs in memory, and whether
// recording disturbs what is recorded.
//
// All figures are of one call of [Run], one after the other on the same machine, so
// that they can be compared with one another; each carries the target it was
// built towards. The machine should have nothing else to do.
//
// A cold run is what it would be without cloning: its own machine is booted for it. It
// is made by the program itself, as a command, with an empty cache; the warm run that it
// is compared with is the same command with a full one.
package bench
