package metric

import (
	"math"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Better says which direction of a metric is good.
type Better string

// Directions.
const (
	Lower   Better = "lower"
	Higher  Better = "higher"
	Neither Better = "neither"
)

// Units of metrics.
const (
	Seconds   = "s"
	One       = "1" // a count, or a share between 0 and 1
	Bytes     = "B"
	PerSecond = "1/s"
	BitRate   = "bit/s"
)

// Metric describes one number of a run.
type Metric struct {
	// Name is whole when it comes from [Lookup] and [Names], and without the node's or
	// fault's name when it comes from [Node] or [Fault].
	Name   string
	Unit   string
	Better Better
	// About is one line without a full stop.
	About string
	// Share tells a share of a whole from a count; both have the unit 1.
	Share bool
}

// None stands for a number that there is not.
const None = "–"

// Format writes a value in base units for people: 131 ms, 4.2 %, 24.1 MB, 39.9/s, 1,204, or [None] for NaN. What is not
// whole has three digits that matter. A unit that is none of the constants is left out.
func (m Metric) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return None
	case m.Share:
		return quantity.Share(v)
	case m.Unit == Seconds:
		return quantity.Seconds(v)
	case m.Unit == Bytes:
		return quantity.Bytes(v)
	case m.Unit == BitRate:
		return quantity.Rate(v)
	}
	text := quantity.Digits(v)
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 && (m.Unit != PerSecond || v == 0) {
		text = quantity.Count(int64(v))
	}
	if m.Unit == PerSecond {
		text += "/s"
	}
	return text
}

// Of finds a metric by its whole name. One that only another build knows has the unit that its record says.
func Of(name, unit string) Metric {
	if m, ok := Lookup(name); ok {
		return m
	}
	return Metric{Name: name, Unit: unit}
}

// HTTP returns the metrics of the load, such as http.latency.p99.
func HTTP() []Metric { return slices.Clone(http) }

// Machine returns the metrics of the whole computer, such as machine.load1.
func Machine() []Metric { return slices.Clone(machine) }

// Node returns the metrics of a node without the node's name, such as cpu.softirq.
func Node() []Metric { return slices.Clone(node) }

// Pool returns the metrics of a node's php service without the node's name, such as php.served.
func Pool() []Metric { return slices.Clone(pool) }

// Queries returns those that a php service with a database counts besides, such as sql.reconnects.
func Queries() []Metric { return slices.Clone(queries) }

// Database returns the metrics of a node's sql service without the node's name, such as sql.answered.
func Database() []Metric { return slices.Clone(database) }

// Program returns the metrics of a program without NODE.exec.NAME. in front, such as exit.
func Program() []Metric { return slices.Clone(program) }

// Conntrack returns the metrics of a node's table of connections without the node's name, such as conntrack.drops.
func Conntrack() []Metric { return slices.Clone(conntrack) }

// Forgotten returns that of a table that is emptied.
func Forgotten() []Metric { return slices.Clone(forgotten) }

// Rule returns the metrics of a rule of kind nat or firewall without NODE.KIND.NAME. in front, such as packets.
func Rule(kind string) []Metric {
	switch kind {
	case "nat":
		return slices.Clone(translation)
	case "firewall":
		return slices.Clone(filtering)
	}
	return nil
}

// RuleKinds are the kinds of rules of a middlebox, as the names of their metrics have them.
func RuleKinds() []string { return []string{"nat", "firewall"} }

// Fault returns the metrics of a fault without "fault." and its name, such as chosen.
func Fault() []Metric { return slices.Clone(fault) }

// Link returns the metrics of one direction of a link that has a rate or a queue of its own, without what [LinkPrefix]
// puts in front, such as queue.drops.
func Link() []Metric { return slices.Clone(link) }

// LinkPrefix is what the metrics begin with that are of one direction of the link between a and b, in the scenario's
// order: link.a-b.from.a.
func LinkPrefix(a, b, from string) string { return "link." + a + "-" + b + ".from." + from }

// Lookup finds a metric by its whole name. A first part that is none of [Prefixes] is taken for a node, and so is one
// of them that is no reserved word, if what follows it is a node's; that such a node or fault exists is the caller's to
// check.
func Lookup(name string) (Metric, bool) {
	first, rest, found := strings.Cut(name, ".")
	if !found || first == "" {
		return Metric{}, false
	}
	if m, ok := ofLoad(name, name); ok {
		return m, true
	}
	switch first {
	case "http": // no node has that name
		return Metric{}, false
	case "load":
		if _, of, ok := strings.Cut(rest, "."); ok {
			if m, ok := ofLoad(of, name); ok {
				return m, true
			}
		}
	case "machine":
		return find(machine, name, name)
	case "link":
		if m, ok := ofLink(rest, name); ok {
			return m, true
		}
	case "fault":
		_, of, _ := strings.Cut(rest, ".")
		return find(fault, of, name)
	}
	if of, ok := strings.CutPrefix(rest, "exec."); ok {
		_, suffix, _ := strings.Cut(of, ".")
		return find(program, suffix, name)
	}
	for _, kind := range RuleKinds() {
		if of, ok := strings.CutPrefix(rest, kind+"."); ok {
			_, suffix, _ := strings.Cut(of, ".")
			return find(Rule(kind), suffix, name)
		}
	}
	if group, counter, ok := SplitCounter(rest); ok {
		return Metric{Name: name, Unit: One, Better: Neither, About: "the kernel's counter " + group + "." + counter}, true
	}
	return find(slices.Concat(node, pool, queries, database, datagrams, nameServer, programStatus, conntrack,
		forgotten), rest, name)
}

// ofLink finds the metric of a link by what follows link.
func ofLink(rest, name string) (Metric, bool) {
	parts := strings.SplitN(rest, ".", 4)
	if len(parts) < 4 || parts[1] != "from" {
		return Metric{}, false
	}
	return find(link, parts[3], name)
}

// Names returns every name that a run with these nodes, faults and links can yield, the
// known counters of the nodes among them. Links are by their directions, as [LinkPrefix] has them.
func Names(nodes, faults, links []string) []string {
	var names []string
	add := func(prefix string, list []Metric) {
		for _, m := range list {
			names = append(names, prefix+m.Name)
		}
	}
	for _, of := range ofLoads {
		add("", of.list)
	}
	add("", machine)
	for _, l := range links {
		add(l+".", link)
	}
	for _, f := range faults {
		add("fault."+f+".", fault)
	}
	for _, n := range nodes {
		add(n+".", node)
		add(n+".", slices.Concat(pool, queries, database, datagrams, nameServer, programStatus, conntrack,
			forgotten))
		for _, c := range Counters() {
			names = append(names, n+"."+c)
		}
	}
	return names
}

func find(list []Metric, suffix, name string) (Metric, bool) {
	for _, m := range list {
		if m.Name == suffix {
			m.Name = name
			return m, true
		}
	}
	return Metric{}, false
}
