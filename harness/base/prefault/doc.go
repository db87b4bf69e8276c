// Package prefault makes the code of the running program present in its page tables.
//
// In a machine that counts instructions, code that is executed for the first time is a trap.
// When a timer expires between two instructions of a program, QEMU takes the interrupt in one of two
// ways, depending on which of its threads ran the timer. In one of them it looks the next
// instruction up before it serves the interrupt. If that instruction is on a page
// that the program has never executed, the look-up leaves a trace in the guest: it sets the page's accessed bit, or
// raises the page fault before the interrupt. The kernel reads that bit when the process ends, and
// takes other branches. So a run had two outcomes, and the load of the host chose between them.
// A page that is present and accessed has nothing to show. docs/architecture/vm.md has the story.
package prefault
