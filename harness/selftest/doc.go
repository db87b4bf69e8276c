// Package selftest is the wing for people who work on ruleout, and for those who want to know whether to trust it.
//
// What comes in: everything. What goes out: what this machine lacks (doctor), how fast it is (bench), whether runs
// repeat (soak), whether they agree with published results (validate) and with other instruments (cross), and whether
// tests find errors (mutant). Open validate first.
package selftest
