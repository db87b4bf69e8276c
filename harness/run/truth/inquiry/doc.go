// Package inquiry asks the kernel that it runs on what its netem does, by building it and sending packets through.
//
// [Ask] answers the questions of package truth in a namespace of its own, and leaves nothing. [Serve] does so in a
// guest.
//
// # The traps
//
//   - A fingerprint must not depend on how fast the machine is: delays are taken in steps of 10 ms, and trains are sent
//     in less time than that.
//   - Before Linux 6.6 netem's random numbers cannot be told, so fingerprints of such kernels cover what does not
//     depend on them: probabilities of 0 and 100 %, fixed times, limits and order.
package inquiry
