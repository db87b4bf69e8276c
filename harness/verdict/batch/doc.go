// Package batch makes the runs of a list of jobs that an archive does not have yet: what `ruleout diff` and a night have in common.
//
// A [Job] is one scenario on one kernel, with its seeds. [Make] takes the jobs in their order, makes what is missing, and stores each record
// as soon as it is there. Called again with the same archive it goes on where it was.
//
// A run that breaks is made once more. What breaks again is noted in [Made], and the rest goes on; the next call tries it anew. A job of which
// several runs break in a row, or which the kernel refuses, is given up, and the others go on.
//
// The trap: a run that broke is no run that was not asked for. Whoever compares has to count it as lost, since what breaks runs may well
// be what is looked for.
package batch
