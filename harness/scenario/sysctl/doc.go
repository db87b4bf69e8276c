// Package sysctl knows the names of the kernel's network settings, to find the one that somebody meant who wrote another.
//
// The names are in names.txt, which the kernels themselves wrote: make sysctls boots each and lists what is below
// /proc/sys/net in its first network namespace and in a fresh one. A name stands for all devices: what is below conf and neigh is
// listed for the device "default" only.
//
// Behind a name stands why no node can have it, if on none of these kernels one can: "machine" (there is one for all of the machine),
// "read-only", "write-only". The test that lists them has tried, in the fresh namespace. Where devices differ from "default" in that,
// their names have DEVICE in its place.
//
// The trap: the list says what a name may be, and not what it may not be. Modules bring settings of their own, and a kernel newer
// than the list has further ones. So [Meant] speaks of names that look like a slip, [Barred]
// of those that are listed, [Module] of those that modules are known to bring, and the kernel has the last word, in the run.
package sysctl
