// Package nightly compares the runs of a night with a baseline that was accepted by a person, and raises an alarm only
// when it means something.
//
// A [Baseline] is a file for one scenario on one series of kernels: for each seed of its pool the digest of a run and
// the values of the metrics that are watched. It is text, a line a seed, so that a commit which accepts another one can
// be reviewed. [Accept] makes it of an archive of runs.
//
// A night makes the runs of some seeds that are drawn from the pool (see [Draw]), with tonight's program and kernels.
// [Judge] pairs each with the baseline's run of the same seed. Where all digests are equal there is nothing to test.
// Where build and kernel are those of the baseline, or those of last night, digests have to be equal, and a difference
// is an alarm of its own. Otherwise each metric, a series, adds to its evidence R that it has changed, and alarms at a
// bar that makes false alarms as rare as was asked for (package verdict, Detector).
//
// A [State] carries R from night to night. Whatever becomes of it costs time and nothing else: without it,
// R starts at 0.
//
// The trap: a pool is not fresh seeds. What is tested, with all that is promised, is whether the pool has changed: half
// of its seeds or more, by the margin or more. That the seeds of a night are drawn by chance is what makes the evidence
// valid (docs/architecture/nightly.md).
package nightly
