package metric_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

func TestGeneratedReference(t *testing.T) {
	golden.Equal(t, "../../../docs/reference/metrics.md", reference())
}

const loadText = `## The load

Of all loads of a kind together. A load with a name has them a second time, for it alone: load.voice.udp.loss is that
of the load with the name voice.

`

const programText = `## Programs of a node

Of the programs of an image that a node runs, as services (service.exec) or as load (load.exec); NAME is the program's.
A program that still runs at the end has no exit and no seconds: an expectation of these then fails with "was not
recorded", and a program that should end has expect-exit. These are not bound to the measured window: a program that ended before it counts too.

`

const statusText = `## Status of programs

What nginx, php-fpm, mariadb, redis and haproxy, as presets, say of themselves. It is read over a Unix socket, each
300 ms (mariadb: each 3 s) unless the preset's status says otherwise or the timeline is coarser, and at both ends of
the measured window.
A name without .mean and .max is a counter: what it grew by between the readings at both ends. Of a level, the run
has the mean and the most of all readings, the one at the window's beginning apart. What the readings themselves add
is taken off: their connection, and their requests, statements or commands.

Each is a series of the timeline too, under the name without .mean and .max: of a level its value at the end of the
interval, of a counter what it grew by in the interval. If a program is read less often than the timeline has
intervals, a level stands in all intervals up to its reading, and what a counter grew by is shared out evenly.

A program that does not answer until the next reading has a gap (null) in its series, and the record says how many
there are (programs[].status). A counter is no metric if a reading at an end of the window is missing, or if the
program was started again; an expectation about it then fails with "was not recorded".

`

const middleboxText = `## Middleboxes

Of nodes that track connections (conntrack, nat, or a rule of their firewall with a state), by the kernel's counters of
the node: the columns of /proc/net/stat/nf_conntrack. The number of entries is a series of the timeline too,
NODE.conntrack.entries.

`

const linkText = `Below, link.A-B is a link as the scenario has it, and from.A the direction of packets that A sends. There are these
metrics for directions with a rate or a queue of their own. A link that has both has a queue of its own in front of the rate; in any
other, packets that are on their way are among those in the queue, for as long as the delay. The same metrics of a fault are those of its directions
together: what is lost and what waits is added up, and the most is that of the one in which it was more.

`

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from harness/scenario/metric: run go generate ./harness/scenario/metric -->

# Metrics

The numbers of a run, by the names that they have in a record and in the expectations of a scenario. All of them are
about the measured window; of requests, the text says whether they are those planned in it, which may be answered after it, or those
that were answered in it. The unit 1 is a count or, where it says so, a share: 0.2 and 20% are the same.

`)
	table := func(title, prefix string, list []metric.Metric) {
		if title != "" {
			fmt.Fprintf(&b, "## %s\n\n", title)
		}
		b.WriteString("| name | unit | better | meaning |\n|---|---|---|---|\n")
		for _, m := range list {
			fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", prefix, m.Name, m.Unit, m.Better, m.About)
		}
		b.WriteString("\n")
	}
	b.WriteString(loadText)
	table("HTTP", "", metric.HTTP())
	table("Lookups of names", "", metric.DNS())
	table("Datagrams", "", metric.UDP())
	table("Bulk data", "", metric.Bulk())
	table("A node", "NODE.", metric.Node())
	b.WriteString("## Services of a node\n\nCounted within the measured window, whenever the requests were planned. " +
		"A node has those of the services that it has.\n\n")
	table("", "NODE.", metric.Pool())
	b.WriteString("A php service with a database counts besides:\n\n")
	table("", "NODE.", metric.Queries())
	b.WriteString("And an sql service:\n\n")
	table("", "NODE.", metric.Database())
	b.WriteString("And a udp service:\n\n")
	table("", "NODE.", metric.Datagrams())
	b.WriteString("And a dns service:\n\n")
	table("", "NODE.", metric.NameServer())
	b.WriteString(programText)
	table("", "NODE.exec.NAME.", metric.Program())
	b.WriteString(statusText)
	b.WriteString("| name | unit | better | meaning | in the program |\n|---|---|---|---|---|\n")
	for _, kind := range metric.StatusKinds() {
		for _, f := range metric.Status(kind) {
			names := "`NODE." + f.Name + "`"
			if f.Level {
				names = "`NODE." + f.Name + ".mean`, `.max`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", names, f.Unit, f.Better, f.About, f.From)
		}
	}
	b.WriteString("\n")
	b.WriteString(middleboxText)
	table("", "NODE.", slices.Concat(metric.Conntrack(), metric.Forgotten()))
	b.WriteString("NAME is that of a rule:\n\n")
	table("", "NODE.nat.NAME.", metric.Rule("nat"))
	table("", "NODE.firewall.NAME.", metric.Rule("firewall"))
	table("The machine", "", metric.Machine())
	b.WriteString(linkText)
	table("A direction of a link", "link.A-B.from.A.", metric.Link())
	table("A fault", "fault.NAME.", metric.Fault())
	b.WriteString(`## Counters of the kernel

` + "`NODE.GROUP.COUNTER`" +
		`, with the kernel's own names, as differences over the measured window. A few of them are not
counters but states (Tcp.CurrEstab) or settings (Tcp.RtoMin), and their differences mean little. Which ones exist
depends on the kernel; a record holds all that it has. These are known here, from Linux 6.1 and 6.18:

`)
	for _, group := range metric.Groups() {
		var names []string
		for _, c := range metric.Counters() {
			if name, ok := strings.CutPrefix(c, group+"."); ok {
				names = append(names, name)
			}
		}
		list := strings.Join(names, " ")
		if list == "" {
			list = "(depends on the kernel and on what happened)"
		}
		fmt.Fprintf(&b, "- **%s**: %s\n", group, list)
	}
	return b.Bytes()
}
