// Package mutant asks whether tests can see errors: it plants them, one at a time, and runs the tests.
//
// A [Mutant] is one change of one place in the source of a package: an operator, a constant, a call that is dropped,
// two arguments that are exchanged. [Find] lists them all, [Choose] draws some of them, and a [Lab] runs the tests of
// the package with each, in an overlay, so that no file is touched. A mutant is killed when a test fails or does not
// come to an end; one that does not compile is no mutant.
//
// Survivors are errors that the tests would not see. Each has to be killed by a better test, or be listed with the
// reason why it does not matter ([Excuses]): most of those change nothing that could be observed.
//
// The trap: a test that kills every mutant may still miss what no mutant resembles, such as a formula that is wrong
// from the beginning. The right values of tests come from elsewhere.
package mutant
