// Package compare says what differs between two sets of runs of the same scenarios and seeds: two kernels, two profiles
// of settings, two builds.
//
// A [Side] is the runs of one of them. [Compare] pairs runs by scenario, kernel and seed ([KernelPair] says which
// kernels belong together). Pairs with equal digests are identical, which needs no statistics; when all are, that is
// the whole answer. Two runs of equal provenance with unequal digests are a determinism alarm. Otherwise every metric
// and counter is compared over the pairs, with an interval, as a hypothesis "it changes by the margin, either way", and
// false discovery is controlled over all numbers that such runs can have, whether they moved or not (package verdict).
//
// A pair of which a run is invalid, broke or is missing is lost, not left out: what is compared may be what broke it.
//
// The trap: that nothing is found to have changed does not say that nothing has. [Row.Outcome] is verdict.Confirmed
// for what changed by the margin at least, verdict.Invalid for what could not be compared, such as a metric that one
// side no longer has, and nothing is ever ruled out here, since no dose and no control were asked for. State a
// campaign for that.
package compare
