package cross_test

import (
	"strings"

	"github.com/ruleout/ruleout/harness/selftest/cross"
)

// page is docs/architecture/cross.md.
func page(shark, kernel string, scenarios []string, table *cross.Table) string {
	var b strings.Builder
	b.WriteString(`<!-- Generated: make test-cross -->

# A second instrument

Package ` + "`harness/selftest/cross`" + ` recomputes what a record says from the capture of the same run, as tshark reads it. It shares no code with the harness: it runs the program as a
user does, reads the record as JSON, and knows of both what the guides and the reference say. ` + "`make test-cross`" +
		` makes the runs and writes this page; with ` + "`KERNEL=…`" + ` it only compares.

Captures are of whole packets. Each end of a link is read by itself, split off before tshark sees the file, since its analysis of TCP takes a packet that it sees twice for a retransmission.
The load of each scenario begins behind the start of the measured window and is over before its end, so that what is counted does not hang on the moment of a reading.

A check allows an interval. Its width is where the capture stands against where the metric is taken, and nothing else; most have none. Each figure of each record is then made wrong, just beyond either end of its interval, and has to be
noticed. So has a packet that is missing at any point of a capture, and one bit of it that is another.

Last made on ` + kernel + ` with ` + shark + `.

| scenario | about |
|---|---|
`)
	b.WriteString(strings.Join(scenarios, ""))
	b.WriteString(found)
	b.WriteString(`
## The checks

Runs are how many of these scenarios have the metric, on at least one node or fault. The largest difference is between the record and what the capture alone would say, over all of them. Names that begin with ` + "`receipt.`" + ` are fields of the record's ` + "`faults`" + `.

`)
	b.WriteString(table.Markdown())
	return b.String()
}

// found is what came of it since it was made, in November 2026.
const found = `
## What it found

- The sender of a bulk load ran in a busy loop after its last write: shutdown(2) makes epoll report the socket as
  writable, and the sender called it again. Three transfers of 200 kB took 2.6 s instead of 0.37 s, and the node used
  20 % of a CPU instead of 0.4 %. The run was invalid, because the datagrams of the same node were sent late. A run with
  the bulk load alone would have been valid, and slow. Mended on 30 November 2026.
- tshark calls a TCP checksum of 0xffff incorrect where the sum is 0. Linux writes it (CSUM_MANGLED_0), and receivers
  accept it: both are zeros of ones' complement.
- No other figure of a record was wrong in these scenarios. All other first differences were the checks' own, or Linux's
  meaning of a counter.
- What an older text of the harness said ` + "`Tcp.InErrs` and `TcpExt.TW`" + ` count was wrong: SYNs in an open connection are among the first, and the second counts connections as they enter TIME_WAIT (on 5.10 as they leave it). A RST ends that state
  early (RFC 1337), so there may be fewer sockets in it than were counted.
- A router's ` + "`IpExt.OutOctets`" + ` are twice what it forwarded before Linux 6.4. So are they in the record.
- ` + "`sockets.syn_recv.max`" +
	` is too low on 7.2, as [the recorder](probe.md) says: 0, where 1 connection was in the state.
- The guide to captures had tshark filter in two passes (` + "`-2 -R`" +
	`) before TCP's analysis. It does not: the analysis has seen all points by then.

The package ` + "`harness/selftest/cross/witness`" + ` runs nstat and ss in the guest, in each node's namespace: over 200 counters a node, segments in and out, retransmissions and open connections are those of the record.
`
