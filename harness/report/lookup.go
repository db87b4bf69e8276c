package report

import (
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// lookups is the table of what became of lookups of names: a row for all loads, and one for each that has a name.
func lookups(r *result.Record) Section {
	sec := Section{ID: "lookups", Title: "Lookups of names", Left: 1, Header: []string{
		"load", "lookups", "failed", "queries",
		"sent again", "timeouts", "errors", "p50", "p99", "max"}}
	if _, ok := r.Metrics["dns.lookups"]; !ok {
		return sec
	}
	for _, prefix := range append(NamedLoads(r, "dns.lookups"), "") {
		row := []string{LoadName(prefix)}
		for _, of := range []string{"lookups", "failed", "queries", "retries", "timeouts", "errors", "latency.p50",
			"latency.p99", "latency.max"} {
			row = append(row, value(r, prefix+"dns."+of))
		}
		sec.Rows = append(sec.Rows, row)
	}
	if n := int64(r.Metrics["dns.fallbacks"].Value); n > 0 {
		sec.Note = join(sec.Note, fmt.Sprintf("%s: only one of two answers had come, so the lookup went on with one "+
			"question "+
			"at a time (glibc's single-request)", quantity.Plural(n, "time")))
	}
	if n := int64(r.Metrics["dns.unreachable"].Value); n > 0 {
		sec.Note = join(sec.Note, fmt.Sprintf("a name server's node answered %s with ICMP port unreachable",
			quantity.Plural(n, "time")))
	}
	return sec
}
