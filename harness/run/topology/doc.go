// Package topology turns a scenario's nodes and links into network namespaces and
// veth pairs, with addresses, neighbours, routes and sysctls, and takes them away again.
//
// # What is built
//
// Every node is a network namespace. So is the middle of every link, its wire:
//
//	client            wire                  edge
//	┌──────┐   ┌───────────────────┐   ┌───────────┐
//	│ eth0─┼───┼─wire0 ····· wire1─┼───┼─eth0 eth1─┼── …
//	└──────┘   └───────────────────┘   └───────────┘
//
// Delay, rate and faults act in the wire and not on a node's own device, where the
// sender's TCP would feel them. (A wire is not enough for that: package fault takes packets that
// are held from their sockets.) This package creates the wire's two devices and leaves
// what lies between them to package fault: until something forwards there, a link is cut.
//
// Addresses follow from the order of the links alone, see [Plan], so every run of a
// scenario has the same ones. Neighbours are permanent and devices do without ARP, so
// that an idle network is silent: no packet crosses a wire unless a program sent it.
//
// # Life cycle
//
// [Build] makes everything and returns a [Network], or an error and nothing at all: each
// step leaves an undo behind, and these run in reverse order on an error, a cancelled
// context or a panic. [Network.Close] runs the same ones. Namespaces have no name and no
// bind mount, only file descriptors of this process; so they die with it, even by
// SIGKILL, and there is nothing to collect after a power cut.
//
// Close returns when no descriptor, thread or child process of ours holds a namespace. The
// kernel then dismantles them from a work queue of its own, some milliseconds later.
//
// # The trap
//
// A network namespace belongs to a thread, and Go moves goroutines between threads. Only
// this package enters namespaces, in [Node.Do] and [Node.Start]. A function given to Do
// must not start a goroutine and expect it to be on the node: open sockets inside, use
// them outside. Read /proc/thread-self/net there, never /proc/net, which is the
// namespace of the process's first thread.
package topology
