// Package socket is TCP and UDP by bare system calls, for threads that play a process
// of their own: a worker of a prefork pool, a database's connection thread, a name
// server, a load generator's loop.
//
// # Concept
//
// Package net parks a goroutine and lets one thread wait for all of them. To the
// kernel under test that is one task with an epoll set, whatever the number of
// goroutines. A PHP pool is something else: one task a worker, each asleep in
// accept(2), each runnable while it works, so that the run queue, the load average
// and the wake-ups are those of a real pool. An [FD] blocks the thread that uses it
// (or not at all: see [Stream]; those of datagrams never do) and the Go scheduler never
// hears of it.
//
// # Life cycle
//
// [Listen], [Stream], [ListenDatagrams] and [Datagram] return a descriptor that the
// caller owns and closes with [FD.Close], [NewPoll] a [Poll] that is closed likewise.
// Nothing else is held. Options set on a listener are inherited by the connections that
// it accepts; Linux copies the whole socket (sk_clone_lock).
//
// # Trap
//
// The calls are syscall.RawSyscall: the goroutine keeps its P while it sleeps in the
// kernel. A caller therefore locks its thread, has at least two Ps more than there
// are such threads, and must not let the garbage collector run while one of them can
// sleep without end, because a collection waits for every P. Package agent sets up
// processes in which that holds. In return a request costs no wake-up of the
// runtime's monitor thread and no hand-over between threads, which in an emulated
// guest cost more than the request.
package socket
