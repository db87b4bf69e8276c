// Package machine is where a run can happen: in a clone of a frozen virtual
// machine ([VM], the default), or on the machine's own kernel ([Host]). Both take
// the same [Request], carry out the same code of package run, and give the same
// record, so that nothing but the record's provenance tells them apart.
//
// In a virtual machine every run is made of the prepared template of its scenario
// ([VM.Prepare]), a single one too. A run that went on from the machine's template without the
// second freeze would differ from it in small ways (the moment at which the work begins, where timers
// and caches stand), and then a replay would depend on how often its original was run.
//
// A backend may be used for many runs, by several goroutines; it keeps what they share:
// the kernel, the QEMU that was chosen, the template of each machine.
//
// The program itself is part of the machinery: it runs as the first process of the guest, and
// as the helper processes on nodes. So [Init] is the first thing that main does.
//
// # The wing
//
// What comes in: a request for a run. What goes out: its record, with what it was made with. Virtual machines are made,
// frozen and cloned by vm, of kernels that kernel keeps; inside is the program that acts in them. Open vm.go first.
package machine
