// Package agent runs the parts of an experiment that live on a node, each as a process
// of its own: the web server, the database, the load generator.
//
// # Concept
//
// An agent is this same binary, executed again inside the node's network namespace and
// control group. What it does is its [Role], a function that the package which knows the
// role registers by name; the parent picks the name. Parent and agent talk over two
// pipes (descriptors 3 and 4 of the agent) in length-framed JSON:
//
//	parent → agent   config, then begin (start of the measured window), then stop
//	agent  → parent  ready, then its result or the error that ended it
//
// What the parent wants to know while the role is at work, the role counts in memory that both have mapped (descriptor
// 5), a [Tally]: reading it wakes no process.
//
// # Life cycle
//
// [Start] returns once the role has called Control.Ready. [Process.Begin] tells it when
// the measured window starts, [Process.Wait] waits for a role that ends by itself (load),
// [Process.Stop] ends one that does not (a service); both return the role's result.
// [Process.Close] kills and reaps whatever is left; it must always be called.
//
// An agent never outlives its parent: when the parent's end of the control pipe goes,
// for whatever reason, the agent exits; and the kernel kills it (PR_SET_PDEATHSIG) in case
// it is stopped just then. Agents are process groups of their own and ignore SIGINT, so
// that Ctrl-C reaches the parent alone, which ends them in order.
//
// # Trap
//
// [Main] must run before anything else in main and TestMain: in an agent it does not return.
//
// Agents run without garbage collection, without asynchronous preemption and with a monitor
// thread that sleeps as long as it likes: a role plays a process whose every wake-up is the
// kernel's business, and the Go runtime's own would be part of what is measured. So a
// role allocates nothing per request, and takes its times from the kernel (timerfd, SO_RCVTIMEO,
// clock_nanosleep after [StrictTimers]), not from Go timers, which wake a thread 1 ms late.
package agent
