// Package result holds what a run leaves: the [Record], its digest, and
// the files in which records are kept.
//
// A record has two parts. One is a pure function of scenario, seed and
// everything named by the provenance key: it is what the digest covers, and two
// runs of the same inputs agree in it to the bit. The other depends on the host
// (how long the run took, which build of which tool made it) and is left out of
// the digest.
//
// The trap: a field added to [Record] is covered by the digest unless
// [Record.ComputeDigest] clears it, so whatever varies with the host must be
// cleared there. The soak test finds the ones that were forgotten.
package result
