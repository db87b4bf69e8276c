// Package guest is the inside of a virtual machine of package vm: what its first process
// does until it is frozen, and after that in each clone.
//
// # Life cycle
//
//  1. Pid 1 is the supervisor. It mounts the usual file systems, loads modules, enables
//     control groups and starts the same binary again as the worker.
//  2. The worker calls the warm-up functions given to [Main] and reports ready. The
//     supervisor checks that timers are fine-grained, lets the kernel settle, and stops the
//     machine. All of this happens once for a template.
//  3. In a clone, the supervisor goes on: it reads the payload, seeds the kernel's random
//     pool, and hands the payload to the worker, which calls its [Func].
//  4. The supervisor passes on what the worker writes, watches over its limit in virtual
//     time, reaps orphans, and ends the machine with the worker's status.
//
// A Func may ask for a further freeze ([Host]), when it has done what many clones have in
// common. The supervisor then does step 2 from its check of the timers on, and step 3
// again in each clone of what was frozen.
//
// The worker is an ordinary process with an ordinary parent: it may start children and wait
// for them, and a crash of it is a status with a stack trace and not a kernel panic.
//
// # The trap
//
// State is shared by all clones of a template. What a package's init computes, a random
// number or a time for instance, is the same in each of them; what must differ between runs
// comes from the payload or, once the Func runs, from the kernel's random generator.
package guest
