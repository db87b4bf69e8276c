// Package truth has what a kernel answered when it was asked what its netem does.
//
// The same options of netem do not mean the same on all kernels: it has got seeds, and lost mistakes, over the years,
// and distributions' kernels have some of that in between. So a difference of two kernels may be one of the fault, not
// of TCP. A [Report] has answers to named questions ([Questions]), each with the commit that changed the answer, and a
// fingerprint: the hash of what fixed trains of packets became under each of netem's models. Where fingerprints are
// equal, so are the faults.
//
// Package inquiry asks, in a virtual machine in a clone of its own; the host keeps the report with the kernel ([Save],
// [Load]) and asks each kernel once for each [Schema].
package truth
