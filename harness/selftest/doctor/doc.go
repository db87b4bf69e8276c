// Package doctor checks what this machine can do, and installs what is missing.
//
// A [Check] is a value: what was checked, the outcome, and how to fix it. [Examine] tests by use wherever possible: it
// boots a machine, makes a namespace, loads a program. The presence of a file or a version number proves less.
// Everything that it makes is removed before it returns.
//
// Checks belong to one of the two backends, or to none: a machine without netem in its own kernel is fine for the vm
// backend, which has its own kernel. [Fit] answers the usual question: can this backend work?
//
// [Mend] installs QEMU and a kernel for the vm backend. It prints what it installs first, and never asks. Without the
// right to install, it returns the command for an administrator.
//
// The trap: the check whether a QEMU repeats boots a template for each QEMU the first time, in about five seconds.
// [Options.Quick] skips it.
package doctor
