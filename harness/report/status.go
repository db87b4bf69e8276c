package report

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// status is what programs said of themselves. Figures that were 0 all the time are left out.
func status(r *result.Record) Section {
	sec := Section{ID: "status", Title: "Status of programs", Left: 2,
		Header: []string{"node", "figure", "in the window", "mean", "most"}}
	for _, node := range Nodes(r) {
		for _, f := range metric.Figures() {
			name, moved := node+"."+f.Name, false
			for _, m := range f.Metrics() {
				moved = moved || r.Metrics[node+"."+m.Name].Value != 0
			}
			if moved {
				sec.Rows = append(sec.Rows, []string{node, f.Name, value(r, name), value(r, name+".mean"), value(r, name+".max")})
			}
		}
	}
	return sec
}

// StatusGaps says that the status of a program was not read, or not all the time; empty if it was, or was to be off.
func StatusGaps(p *result.Program) string {
	s := p.Status
	switch {
	case s == nil:
		return ""
	case s.Readings == 0:
		return fmt.Sprintf("status of %s %s: not read: %s", p.Node, p.Name, s.Because)
	case s.Missed > 0:
		return fmt.Sprintf("status of %s %s: %s of %s missing; the first: %s", p.Node, p.Name,
			quantity.Count(int64(s.Missed)), quantity.Plural(int64(s.Missed+s.Readings), "reading"), s.Because)
	}
	return ""
}
