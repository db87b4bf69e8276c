// Package shrink makes the smallest scenario that still shows something, for a bug report: fewer faults, loads, nodes,
// links and settings, shorter times, rounder numbers.
//
// It works on the parsed document, never on its text, and in the order in which people read one:
//
//   - faults and loads, then nodes with all that names them, then routers that only pass packets on;
//   - then a chance, for which as many packets are named by number, and of which few are left;
//   - then every key and list element, from the outside in: what can be left out is left out with all below it, and
//     otherwise what is below it is looked at (hierarchical delta debugging; Misherghi and Su, ICSE 2006). Among
//     siblings, halves are tried first, then quarters, and so on (Zeller and Hildebrandt, IEEE TSE 28(2), 2002);
//   - then numbers: half of it, again and again, for times, rates and counts; then fewer digits.
//
// What is left out is looked for again until nothing more can be; numbers and chances have their turn once. The result
// is 1-minimal: without any one of its keys or elements it no longer shows it, or is no scenario.
//
// A Judge says whether a document still shows it. [Runs] is the one that makes runs: every expectation that is to be
// kept holds on all seeds of a block, and the runs are valid. A document that is not a scenario shows nothing. The
// mechanism should be among the expressions (a counter of the kernel), so that a search does not slip to another cause
// of the same symptom.
//
// The trap: what remains shows it on the seeds of the block. [Runs.Fresh] says of how many other seeds that holds.
package shrink
