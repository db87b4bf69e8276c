// Package worker makes runs for coordinators (package cluster), wherever it is.
//
// # Life cycle
//
// [Worker.Run] says hello to whoever has work at a server, and serves one session at a time: it pulls a lease, makes
// its runs one after the other, and hands in each as it is made. When the session is over, or has no work for a while,
// it looks for another one. It ends with its context, when it was idle for as long as it was told, or with the error of
// a coordinator that refuses it. Leases that it has then go back to the queue at once.
//
// [Machines] makes the runs: in virtual machines only, of the kernels and images that a lease names by their hashes.
// What is not here it gets from the coordinator, and computes its hash before it is used.
//
// # Traps
//
//   - A scenario comes from somebody else. It is read like any file, and its programs run in the guest. Nothing of it
//     is ever run on the host, and no path of the host is read because of it.
//   - A lost connection is no reason to lose a run: its outcome is offered until somebody answers, or nobody is there.
package worker
