package cross_test

import (
	"strings"

	"github.com/ruleout/ruleout/harness/cross"
)

// page is docs/architecture/cross.md.
func page(shark, kernel string, scenarios []string, table *cross.Table) string {
	var b strings.Builder
	b.WriteString(`<!-- Generated: make test-cross -->

# A second instrument

Package ` + "`harness/cross`" + ` recomputes what a record says from the capture of the same run, as tshark reads it. It shares no code with the harness: it runs the program as a
user does, reads the record as JSON, and knows of both what the guides and the reference say. ` + "`make test-cross`" + ` makes the runs and writes this page; with ` + "`KERNEL=…`" + ` it only compares.

Captures are of whole packets. Each end of a link is read by itself, split off before tshark sees the file, since its analysis of TCP takes a packet that it sees twice for a retransmission.
The load of each scenario begins behind the start of the measured window and is over before its end, so that what is counted does not hang on the moment of a reading.

A check allows an interval. Its width is where the capture stands against where the metric is taken, and nothing else; most have none. Each figure of each record is then made wrong, just beyond either end of its interval, and has to be
noticed. So has a packet that is missing at any point of a capture, and one bit of it that is another.

Last made on ` + kernel + ` with ` + shark + `.

| scenario | about |
|---|---|
`)
	b.WriteString(strings.Join(scenarios, ""))
	b.WriteString(`
## The checks

Runs are how many of these scenarios have the metric, on at least one node or fault. The largest difference is between the record and what the capture alone would say, over all of them. Names that begin with ` + "`receipt.`" + ` are fields of the record's ` + "`faults`" + `.

`)
	b.WriteString(table.Markdown())
	return b.String()
}
