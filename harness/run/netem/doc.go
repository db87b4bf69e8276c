// Package netem speaks the netlink dialect of the kernel's network emulator, the
// qdisc that delays, drops, duplicates, reorders, corrupts and rate-limits packets
// (net/sched/sch_netem.c, include/uapi/linux/pkt_sched.h).
//
// It exists because the usual Go library sends times in 32-bit microseconds and
// shares in float32, and knows no loss models, slots or seeds. Here times are
// nanoseconds, shares are the kernel's own 32-bit fractions, and [Conn.Add] reads
// every qdisc back and compares it with what was asked for, so that a kernel which
// ignores an attribute that it does not know is found out.
//
// Life cycle: [Open] inside the network namespace, [Conn.Add] and [Conn.List] from
// anywhere, [Conn.Close]. A qdisc lives until it or its device is deleted; closing
// the Conn leaves it in place.
//
// Traps of the kernel's that callers must know:
//   - Limit counts packets that are held for any reason, delay included. Beyond it
//     netem drops, and says so only in its drop counter.
//   - Jitter reorders packets, since each gets a time of its own. With a Rate as well, it does not: a packet
//     is sent after the last one that waits, however short its own delay.
//   - Reorder without latency does nothing; reordered packets skip latency and rate.
//   - A copy made by Duplicate re-enters at the device's root qdisc. Kernels from
//     about 6.12.34 and 6.15.4 refuse a duplicating netem beside another netem on one device.
//   - A packet chosen for both loss and duplication is neither lost nor doubled.
package netem
