// Package discipline builds the queue in front of a link's rate by the kernel's own queue disciplines: fq_codel, codel,
// fq, pie, fq_pie, red, cake, tbf, and a queue whose length is stated in bytes.
//
// A rate is a token bucket (sch_tbf) that holds one frame of the greatest length, with the discipline as its child:
// packets leave the discipline as fast as the link sends. cake shapes by itself. A bucket that is full lets a packet
// pass at once, so a netem with the same rate has to follow, in which a packet waits while it and the one before it are
// sent: see [Serialize]. The outermost qdisc is a prio with one band in use: it passes on lengths and drops
// of what is below it (qdisc_tree_reduce_backlog in net/sched/sch_api.c), and unlike a tbf it counts no overlimits when
// a packet only has to wait.
//
// What a kernel was told is read back and compared. Times of codel are kept in units of 1.024 us and those of pie in
// units of 64 ns, so they may come back a microsecond or two shorter.
package discipline
