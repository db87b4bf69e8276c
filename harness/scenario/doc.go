// Package scenario reads the description of one experiment: a small network, what its
// nodes serve, the load on them, the faults on its links, and what is expected.
//
// [Load] and [Parse] go through YAML text → tree → --set arguments → Go types →
// defaults → validation. Every step goes on after a mistake, so that one call reports
// all of them, each with file, line, column, the line itself and a hint. What another
// package knows better (the expressions in expect) it contributes as a [Check].
//
// What comes out is a plain value with every default filled in. [Scenario.Canonical]
// turns it into JSON that depends on its meaning only, [FromCanonical] reads that back,
// and [Scenario.Hash] names it.
//
// Package document reads the YAML and knows where everything stands; package unit has the numbers with units.
//
// The trap: a zero can mean "absent". Where a key has no default in the reference,
// such as rate and queue of a link and for of a fault, a zero in the Go value stands
// for the behaviour that the field's comment describes; no file can contain it,
// because validation refuses a written zero.
//
// # The wing
//
// What comes in: text of a person. What goes out: a [Scenario] that is valid, and everything that can be said of it
// before a run: its words (describe), network (layout), arrivals (arrival), settings (sysctl), metrics and conditions
// on them (metric, expect). Files are read by yamldoc, numbers with units by unit, and printed by quantity. Open
// scenario.go first.
package scenario
