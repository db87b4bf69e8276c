// Package batch makes the runs of a list of jobs that an archive does not have yet. `ruleout diff` and the nights use it.
//
// A [Job] is one scenario on one kernel, with its seeds. [Make] takes the jobs in their order, makes the missing runs, and
// stores each record as soon as it is complete. Called again with the same archive, it continues.
//
// A run that breaks is made once more. A run that breaks twice is noted in [Made], and the rest continues; the next call
// tries it again. A job is given up if several of its runs break in a row, or if the kernel refuses it. The others continue.
//
// The trap: a broken run is not the same as a run that was never asked for. A comparison has to count it as lost, since
// the effect that it looks for may be what breaks runs.
package batch
