// Package matrix says what changed from one kernel to the next, over many scenarios.
//
// A [Matrix] has the scenarios as rows and the kernels as columns, in the order in which they were named. Each kernel
// is compared with the one before it by package compare: the same scenarios and seeds, in pairs. A number that changes
// between two neighbours gets a [Line] with its mean on every kernel, so that one sees whether it came back.
//
// The share of false discoveries is bounded for the whole matrix: of k kernels there are k-1 comparisons, and each gets
// the (k-1)th part of the allowance. The expected share of false changes among all that are reported is at most the sum
// of theirs (each is at most 1, and 0 where a comparison reports nothing).
//
// The trap: the means of a line are over the valid runs of each kernel, while the changes are decided over pairs. Where
// runs were lost, the two need not be of the same seeds. [Cell.Lost] says so.
package matrix
