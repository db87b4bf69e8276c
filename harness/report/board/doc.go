// Package board makes the HTML page of a campaign: which suspicions are confirmed, which are ruled out, how sure that
// is, and what was not covered.
//
// All effects are drawn on one scale, that of their own margins, so that a latency and a count can be compared at a
// glance: what ends inside the margin does not matter, what begins beyond it does. After each hypothesis are its pairs,
// seed by seed, with the runs that they came from, each of which can be replayed.
//
// A page loads nothing and prints. Filtering by verdict works by style alone; a small script, whose hash the page's
// content security policy names, adds a search and filters by family. A campaign with many pairs becomes a directory
// with a page for each hypothesis: see [Pages].
//
// The trap: as in package page, no text of a campaign may become template.HTML. Drawings are numbers.
package board
