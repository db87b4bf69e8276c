package report

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

type queueColumn struct{ title, metric string }

// queueColumns are the columns of the table of queues.
var queueColumns = []queueColumn{
	{"lost", ".drops"}, {"packets, mean", ".mean"}, {"max", ".max"}, {"size, mean", ".bytes.mean"}, {"max", ".bytes.max"},
}

// queues is the table of what waited in front of rates, and of what found no room there.
func queues(r *result.Record, s *scenario.Scenario) Section {
	sec := Section{ID: "queues", Title: "Queues", Left: 1, Header: []string{"queue"}}
	columns := queueColumns
	if slices.ContainsFunc(Queues(r), func(prefix string) bool { _, ok := r.Metrics[prefix+".marks"]; return ok }) {
		columns = slices.Insert(slices.Clone(columns), 1, queueColumn{"marked", ".marks"})
	}
	for _, c := range columns {
		sec.Header = append(sec.Header, c.title)
	}
	idle := int64(0)
	for _, prefix := range Queues(r) {
		if r.Metrics[prefix+".drops"].Value == 0 && r.Metrics[prefix+".max"].Value <= 1 {
			idle++
			continue
		}
		row := []string{QueueName(prefix, s)}
		for _, c := range columns {
			row = append(row, value(r, prefix+c.metric))
		}
		sec.Rows = append(sec.Rows, row)
	}
	for i := range r.Links {
		l := &r.Links[i]
		prefix := metric.LinkPrefix(l.Between[0], l.Between[1], l.From) + ".queue"
		if more := l.LostInQueue - int64(r.Metrics[prefix+".drops"].Value); more > 0 {
			sec.Note = join(sec.Note, fmt.Sprintf("%s: lost %s before or after the measured window", QueueName(prefix, s),
				quantity.Plural(more, "more packet")))
		}
		if l.Discipline != "" && l.In > 0 {
			sec.Note = join(sec.Note, fmt.Sprintf("%s: %s%s", QueueName(prefix, s), l.Discipline, counts(l.Counters)))
		}
	}
	if idle > 0 && len(sec.Rows) > 0 {
		sec.Note = join(sec.Note, fmt.Sprintf("%s never held more than one packet", quantity.Plural(idle, "other queue")))
	}
	return sec
}

// counts lists what a discipline counted over the whole run, but for zeros, by the kernel's names.
func counts(counters map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[name]; n != 0 {
			parts = append(parts, name+" "+quantity.Count(n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Queues finds the queues of a record by their metrics, sorted: link.client-web.from.web.queue, fault.squeeze.queue.
func Queues(r *result.Record) []string {
	var list []string
	for name := range r.Metrics {
		if prefix, ok := strings.CutSuffix(name, ".queue.drops"); ok {
			list = append(list, prefix+".queue")
		}
	}
	sort.Strings(list)
	return list
}

// QueueName says whose queue it is that metrics with this prefix are of: "client – web, from web", or "of squeeze"
// for a fault's.
func QueueName(prefix string, s *scenario.Scenario) string {
	if rest, ok := strings.CutPrefix(prefix, "fault."); ok {
		return "of " + strings.TrimSuffix(rest, ".queue")
	}
	if s != nil {
		for _, l := range s.Links {
			for _, from := range l.Between {
				if metric.LinkPrefix(l.Between[0], l.Between[1], from)+".queue" == prefix {
					return l.Between[0] + " – " + l.Between[1] + ", from " + from
				}
			}
		}
	}
	return strings.TrimSuffix(prefix, ".queue")
}
