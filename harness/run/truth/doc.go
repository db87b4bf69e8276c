// Package truth asks a kernel what its netem does, by building it and sending packets through.
//
// The same options of netem do not mean the same on all kernels: it has got seeds, and lost mistakes, over the years, and
// distributions' kernels have some of that in between. So a difference of two kernels may be one of the
// fault, not of TCP. A [Report] has answers to named questions ([Questions]), each with the commit that changed the answer, and
// a fingerprint: the hash of what fixed trains of packets became under each of netem's models. Where
// fingerprints are equal, so are the faults.
//
// # Life cycle
//
// [Ask] answers in a namespace of its own, on the kernel that it runs on, and leaves nothing. In a virtual machine [Serve] does so
// in a clone of its own; the host keeps the report with the kernel ([Save], [Load]) and asks each kernel once for
// each [Schema].
//
// # The traps
//
//   - A fingerprint must not depend on how fast the machine is: delays are taken in steps of 10 ms, and trains are sent
//     in less time than that.
//   - Before Linux 6.6 netem's random numbers cannot be told, so fingerprints of such kernels cover what does not
//     depend on them: probabilities of 0 and 100 %, fixed times, limits and order.
package truth
