// Package design chooses which combinations of factors to run: all of them, or few that
// still meet every pair or triple of levels, or points spread over continuous ranges. It is
// the design of experiments, and knows nothing of scenarios.
//
// A [Space] has factors, each with a number of levels, and constraints that forbid
// combinations. A [Row] gives each factor a level; which value a level stands for is the
// caller's. There are
//
//   - [Space.Full], every allowed row, as a sequence that takes no memory;
//   - [Space.Covering], rows in which every combination of levels of any two factors (or
//     three, or more) occurs that constraints allow at all. The first rows cover the most,
//     so that what was interrupted has still seen much;
//   - [Space.Uncovered], what a set of rows leaves unseen;
//   - [LatinHypercube], points of which the projection on each axis is evenly spread.
//
// Everything is a pure function of its arguments: the same space and seed give the same
// rows, on any machine.
//
// # The trap
//
// A constraint may make combinations impossible that it does not name: if a=1 forbids b=1,
// and b=0 forbids c=2, then a=1 and c=2 never meet. Such combinations are found out by
// search and left out. A search that gets nowhere is an error, not a guess.
//
// Sizes, limits and sources: docs/architecture/design.md.
package design
