package explain

import (
	"strings"

	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// others than those that package effect tells about, without the node.
var further = map[string]effect.Series{
	"memory":              {Label: "memory", Unit: metric.Bytes, Floor: 256e3},
	"sockets.time_wait":   {Label: "connections in TIME_WAIT", Unit: metric.One, Floor: 2},
	"http.latency.p99":    {Label: "answer time, p99", Unit: metric.Seconds, Floor: 0.005, Answered: true},
	"machine.cpu.total":   {Label: "CPU in all", Unit: metric.One, Share: true, Floor: 0.02},
	"machine.cpu.softirq": {Label: "CPU in softirq", Unit: metric.One, Share: true, Floor: 0.02},
	"machine.runqueue":    {Label: "run queue", Unit: metric.One, Floor: 0.1},
	"queue":               {Label: "packets in the queue", Unit: metric.One, Floor: 2},
	"queue.drops":         {Label: "packets lost in the queue", Unit: metric.One, Events: true},
}

// seriesOf is whose series it is, and what it is: place is a node, clients, the machine, a link or a fault.
func seriesOf(name string) (place string, s effect.Series) {
	place, rest, _ := strings.Cut(name, ".")
	if place == "link" || place == "fault" {
		owner, what, _ := strings.Cut(rest, ".queue")
		place, rest = strings.Replace(owner, ".from.", ", from ", 1), "queue"+what
	}
	s, ok := further[name]
	if !ok {
		s, ok = effect.SeriesOf(name)
	}
	if !ok {
		s, ok = further[rest]
	}
	if !ok {
		s = effect.Series{Label: rest, Unit: metric.One, Floor: 1}
	}
	if place == "http" {
		place = clients
	}
	return place, s
}

// clients are the place of what http.… is about.
const clients = "clients"

// leastEvents is how many events more or fewer are worth telling, less one half.
const leastEvents = 0.5

// floor is what a sample or a block of a series has to be out by.
func floor(s effect.Series) float64 {
	if s.Events {
		return leastEvents
	}
	return s.Floor
}

// about says what a metric is, where the catalogue refers to the line above.
func about(name, text string) string {
	switch name {
	case "http.connect.p99":
		return "99th percentile of the time from connect(2) to the connection's being established"
	case "cpu.total":
		return "share of one CPU that the node used in all"
	}
	return strings.Replace(text, "of these: ", "errors: ", 1)
}
