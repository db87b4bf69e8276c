// Package compare says what differs between two sets of runs of the same scenarios and seeds: two kernels, two profiles of settings, two builds.
//
// A [Side] is the runs of one of them. [Compare] pairs runs by scenario and seed. Pairs with equal digests are identical, which needs no
// statistics; when all are, that is the whole answer. Two runs of equal provenance with unequal digests are a determinism alarm. Otherwise every
// metric and counter is compared over the pairs, with an interval, as a hypothesis "it changes by the margin, either way", and
// false discovery is controlled over all of them (package verdict).
//
// The trap: that nothing is found to have changed does not say that nothing has. [Row.Outcome] is verdict.Confirmed for what changed by the margin at least,
// and nothing is ever ruled out here, since no dose and no control were asked for. State a campaign for that.
package compare
