// Package effect says what changed while the faults of a run acted: the main series of a record's
// timeline before, during and after.
//
// It looks at one run. What it says is a description of that run and no proof that the fault was the cause: requests
// come at random, and something else may have happened at that time. A reader who wants to know compares runs with and
// without the fault over many seeds.
//
// Samples count as calm when no fault acts, but for those that act nine tenths of the time or more: these are part of
// the run's circumstances, and samples without them are not calm. So a fault that acts all the time has nothing to be
// compared with.
//
// The trap: a sample in which a fault goes on or off belongs to neither side. A fault that is
// shorter than a sample would have none at all, and so gets those that it touches.
package effect
