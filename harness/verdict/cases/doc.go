// Package cases gives verdicts on the cases of a campaign's plan, from the records of its runs.
//
// It is a pure function of plan and records, in whatever order they come: each case takes its seeds in their order, in
// blocks, and stops at the end of a block when its own evidence suffices; seeds that are there for the sake of other
// cases are not looked at. So a sweep that was killed a hundred times, or run in shards on other machines, ends with
// the verdicts of one that was not.
//
// A run that failed is known like any other ([Analysis.Break], [Analysis.Refuse]), and its seed is lost. So is a pair
// of runs that were made with different software. All of that follows from the records as well, so that an archive says
// what the sweep said.
//
// Life cycle: [New] makes an analysis for a plan; [Analysis.Add] takes what one run showed; [Analysis.Needs] says which
// runs are wanted next; [Analysis.Verdicts] judges. Memory is that of the numbers that cases compare: some of each run,
// not its record.
//
// The trap: a case may stop early, but what a campaign promises is decided over all of them at the end. The evidence at
// which a case stops is chosen so that it will usually do there (see [Rule]); one that stopped and falls short is
// inconclusive, and says how many seeds more it would take.
package cases
