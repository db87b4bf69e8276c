// Package findings shows the verdicts of a campaign: as a table for a terminal, as Markdown, as JUnit.
//
// All formats get the same [Findings] and differ in how much of it they show. What is ruled out is mostly of interest
// as a number, and so has one line for each hypothesis, with its contexts summed up: it is ruled out only if it is in
// all of them. What is confirmed, inconclusive, invalid or not as expected is shown case by case, with its evidence.
package findings
