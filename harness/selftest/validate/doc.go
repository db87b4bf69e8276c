// Package validate holds runs against results that others published: RFCs, the kernel's
// own documentation and tests, papers.
//
// A [Case] is a scenario whose expectations are such a result; its key source says where they
// come from. [Run] makes every case on every kernel and gives a [Table]: what was expected,
// what each kernel measured, and whether they agree. A harness that agrees with the
// literature where that is settled may be believed where it is not.
//
// Numbers in expectations come from the source and never from an earlier run: a
// case that was fitted to its own output cannot fail. Where a kernel really does something else than
// its source says, the scenario says so in its comment, with the commit.
//
// What is true by chance only is held over several runs, see [scenario.Scenario.Seeds]: counts are added up, and what
// is measured is averaged, before the expectations are read. Each bound on such a figure is one that a kernel as the
// source says passes once in a million times at the most. There are 24 of them, so that on four kernels, with new
// random numbers every night, 1 night in 10,000 is a false alarm. The 15 % and 20 % of Reno's throughput are the
// literature's and not among them.
//
// The trap: a kernel without what a case is about (see [scenario.Scenario.Unfit]) is left out of that
// case and is shown as left out. It neither agrees nor disagrees.
package validate

//go:generate go test -count=1 -run=^TestTables$ -update .
