// Package inside is the guest program: all that acts in a run, and nothing that evaluates or reports one.
//
// # Concept
//
// The digest of a run depends on what acts in it. So that is a program of its own, ruleout-guest, and its hash is in
// the key of each frozen machine and in the provenance of each record. A report, a flag or a verdict of the command
// changes neither.
//
// # Its parts
//
// As a virtual machine's first process it carries out the orders of package protocol. Started with a role's name it is
// an agent: a service or a generator on a node. On the host it takes one command, its answer is JSON: see [commands].
//
// # The trap
//
// Everything that this package imports is in the guest. A test holds the list of its imports against what may be there.
package inside
