// Package vm runs a program inside a virtual machine whose time is a count of instructions,
// so that the same input gives the same output to the bit, whatever else the host does. It
// needs QEMU and a kernel, and neither root nor KVM.
//
// # Life cycle
//
//   - [OpenTemplate] boots a kernel with a static binary as its init, once for each [Config.Key] (and once more, to
//     see that it repeats). Package guest, in that binary, sets the machine up and then stops it (it writes to
//     pvpanic's port). What is left is a [Template]: a memory file and a few kilobytes of device state, in the user's
//     cache directory.
//   - [Template.Command] makes a [Clone], which is used as an exec.Cmd is. It maps the
//     memory privately, wakes after the instruction at which the template stopped, reads
//     its payload, calls the guest function and ends with its status.
//   - [Template.Prepare] makes a template of a template: a clone that writes to a copy of the
//     memory file, does its work up to a point, and is frozen there. It is what a template is.
//   - [GC] removes templates that no run has used for a while.
//
// A clone leaves nothing in the file system: what it needs is passed by descriptor. A
// template is made in a directory of its own and renamed when it is complete. QEMU dies with
// the process that started it, however that ends.
//
// # The trap
//
// Plain instruction counting is not deterministic: QEMU's main loop can find the virtual
// CPU idle before the instructions of its last slice are accounted, and moves the clock too
// far, in one run of a hundred. Clones therefore run in record mode, for the lock that it
// takes around a slice; the recording itself goes to /dev/null. And no program speaks to QEMU
// while a clone runs. A machine that is to be saved cannot record, and so is made until
// two are equal. docs/architecture/vm.md has the measurements.
package vm
