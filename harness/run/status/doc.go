// Package status asks programs how they are: PHP-FPM, nginx, MariaDB, redis and HAProxy, each in its own language, over
// a Unix socket of the node.
//
// # Concept
//
// A [Reader] has one connection to one program. [Reader.Open] makes it and asks once, before the freeze, so that
// nothing has to be made or compiled in the run; [Reader.Follow] asks at stated times, and [Reader.Log] says what was
// answered. The figures are those of package metric, in its order.
//
// # What readings may not do
//
// They take no worker of a pool and put no packet on a wire. What they add themselves to a figure, such as their own
// connection, is taken off. A program that does not answer until the next reading has a gap there; what it answers
// later says nothing of that time and is thrown away. Asking allocates no memory, since an agent collects no garbage.
//
// # The trap
//
// What programs say is not to be trusted: a line may be of any length and a packet may claim any size. All that is kept
// of an answer is in a buffer of one size, and a longer answer is an error.
package status
