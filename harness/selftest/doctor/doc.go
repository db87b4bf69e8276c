// Package doctor says what this machine can do, and mends what it cannot.
//
// A [Check] is a value: what was looked at, how it is, and the way to mend it.
// [Examine] tries for real wherever that is possible: it boots, it makes a namespace,
// it loads a program, because the presence of a file or a version number has misled
// before. What it makes is gone when it returns.
//
// Checks are for one of the two backends, or for none: a machine without netem in its
// own kernel is perfectly good for the vm backend, which brings a kernel along.
// [Fit] is the one question most callers have.
//
// [Mend] gets what the vm backend lacks, which is QEMU and a kernel. It says what it
// installs before it does, never asks, and where it has no right to install it
// returns the command for somebody who has.
//
// The trap: the test whether a QEMU repeats boots a template (about five seconds) for
// each QEMU, the first time. [Options.Quick] leaves it out.
package doctor
