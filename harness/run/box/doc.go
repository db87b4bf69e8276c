// Package box runs programs of an image on a node.
//
// # Concept
//
// A box is an agent, one for each node that has an image: the first process of a process-id namespace, in mount, UTS
// and IPC namespaces of its own. Its root is the image with a layer on top that is the node's own and lives in memory.
// The programs are its children: they see one another, the node's network and nothing else of the machine, and they
// end with the box.
//
// # Life cycle
//
// Before the freeze the box starts the programs that have no time of their own, in their order, each when those before
// are ready. When the boxes of all nodes have done so it makes the warm-up's requests, and when all have done that it
// reads each page of code once (see package prefault). When the run begins
// it starts and stops the others at their times. When it is stopped it returns a [Report]: when programs started, were
// ready and ended, how, and what they wrote.
//
// # What programs may do
//
// They keep the capabilities of a container ([kept]): users of their own, low ports, raw sockets, and all of the node's
// network, for TUN devices and routes. They cannot mount, make namespaces or devices, load modules, set the clock, go
// before others in real time or reach processes outside. Memory and number of tasks are bounded by the node's control
// group, and all files together, those in /tmp, /run and /dev/shm too, by the size of the layer. The kernel ends
// programs where memory is short, and neither the box nor what makes the run: their oom_score_adj says so.
//
// A box is in the same control group as its programs, so what they take may be what it needs. It has its threads before
// they start, goes before them on the processor, keeps open what it reads of /proc (its own directory there is
// covered), catches all signals, and makes no garbage of their output.
//
// # Traps
//
//   - Timer slack is inherited through fork and exec: the thread that starts programs has the kernel's default.
//   - In the new process-id namespace /proc is still the old one until the box has its own: it has other numbers.
//   - A signal that the box ignores stays ignored in its programs; one that it catches does not.
//   - Descriptors that an agent is born with are not closed by exec unless somebody says so.
//   - As the first process it reaps whatever its children leave behind, so nothing else may wait for them. It does so
//     on the goroutine that sends signals: a number that was waited for is free for another process.
//   - An agent collects no garbage: what is done again and again while the box waits must not make any.
package box
