// Package sysctl knows the names of the kernel's network settings, to suggest the nearest name for a misspelling.
//
// The names are in names.txt, written by the kernels themselves: make sysctls boots each kernel and lists what is below
// /proc/sys/net in its first network namespace and in a new one. A name stands for all devices: names below conf and
// neigh are listed for the device "default" only.
//
// If no node can have a setting on any of these kernels, the reason follows the name: "machine" (there is one for the
// whole machine), "read-only" or "write-only". The test that writes the list tries each setting in a new namespace.
// Where other devices differ from "default" in that, the name has DEVICE in its place.
//
// The trap: the list has names that exist, and cannot have all of them. Modules add settings, and so do newer kernels.
// So [Meant] answers for names that look like a slip, [Barred] for listed names and for those of the module
// nf_conntrack, which nodes can have loaded, [Module] for settings of known modules. The kernel decides about all
// others, in the run.
package sysctl
