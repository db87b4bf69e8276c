// Package cluster makes the runs of a sweep on many machines: a coordinator leases them to workers.
//
// # Concept
//
// A [Coordinator] is a [sweep.Crew]: the loop that decides what is run asks it for runs, and knows nothing of workers.
// It puts leases, an arm with some seeds, into a queue (package hub), from which workers pull (package worker). The
// archive of the loop is the only truth. The queue has nothing that cannot be made again from the plan and the archive.
//
// A run is the same to the byte wherever it is made. So it does no harm if it is made twice, and each duplicate is
// compared: the coordinator has the first run of each worker, and every 64th after that, made by another one, too. Two
// digests for one run end the sweep with an alarm that names the workers.
//
// # Life cycle
//
// [Open] makes a session in a server. Workers come with a hello, and are refused if their runs could not be compared.
// [Coordinator.Settle] waits for the last comparisons. [Coordinator.Close] ends the session; workers then look for
// another one.
//
// # Traps
//
//   - A lease comes back when its worker is silent for too long. The worker may still hand in its result later.
//   - A run that takes its worker down would take down one after the other. After three tries without any result the
//     coordinator says that it broke.
//   - A server may lose all that it had. The coordinator looks every few seconds, and asks again for what is missing.
//
// What can go wrong, and what is not defended against: docs/architecture/cluster.md.
package cluster
