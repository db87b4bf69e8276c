package report

import (
	"github.com/ruleout/ruleout/harness/record/result"
)

// bulk is the table of what bulk loads moved: a row for all, and one for each that has a name.
func bulk(r *result.Record) Section {
	sec := Section{ID: "bulk", Title: "Bulk data", Left: 1, Header: []string{"load", "connections", "failed", "completed",
		"received", "goodput", "least", "most", "fairness", "longest"}}
	if _, ok := r.Metrics["bulk.flows"]; !ok {
		return sec
	}
	for _, prefix := range append(NamedLoads(r, "bulk.flows"), "") {
		row := []string{LoadName(prefix)}
		for _, of := range []string{"flows", "failed", "completed", "received", "goodput", "goodput.flow.min",
			"goodput.flow.max", "fairness", "time.max"} {
			row = append(row, value(r, prefix+"bulk."+of))
		}
		sec.Rows = append(sec.Rows, row)
	}
	return sec
}
