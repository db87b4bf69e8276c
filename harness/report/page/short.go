package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/report"
	"github.com/ruleout/ruleout/harness/report/effect"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

const (
	// mostFailed is how many expectations that were not met are named.
	mostFailed = 5
	// mostHeadlines is how many changes are said in a sentence.
	mostHeadlines = 4
	// mostWatched is how many faults that only count are.
	mostWatched = 3
	// mostFaults is how many others are.
	mostFaults = 3
	// mostGlosses is how many counters that were expected to do something are explained.
	mostGlosses = 3
)

// short says in a few sentences what was done and what there is to know about what came of it.
func short(r *result.Record, s *scenario.Scenario, list []effect.Comparison) []string {
	out := failed(r)
	n := 0
	for i := range s.Faults {
		f := &s.Faults[i]
		if f.Do.Watch {
			continue
		}
		if n++; n <= mostFaults {
			out = append(out, fmt.Sprintf("The fault %s: %s, %s.", f.Name, describe.Fault(f), describe.When(f)))
		}
	}
	if n > mostFaults {
		out = append(out, fmt.Sprintf("And %s, see below.", quantity.Plural(int64(n-mostFaults), "more fault")))
	}
	out = append(out, watched(r, s)...)
	if l := r.Load; l.Planned > 0 {
		sentence := fmt.Sprintf("Of %s, %s were answered", quantity.Plural(l.Planned, "request"), quantity.Count(l.Completed))
		if l.Completed == l.Planned {
			sentence = fmt.Sprintf("All %s were answered", quantity.Plural(l.Planned, "request"))
		}
		if p50, ok := r.Metrics["http.latency.p50"]; ok && l.Completed > 0 {
			sentence += fmt.Sprintf(", half within %s and 99 %% within %s",
				quantity.Seconds(p50.Value), quantity.Seconds(r.Metrics["http.latency.p99"].Value))
		}
		out = append(out, sentence+".")
	}
	for _, h := range report.Headlines(list, mostHeadlines) {
		out = append(out, h+".")
	}
	return append(out, glossed(r)...)
}

// failed says which expectations were not met.
func failed(r *result.Record) (out []string) {
	for _, e := range r.Expect {
		switch {
		case e.OK:
		case len(out) == mostFailed:
			return append(out, "And more expectations failed, see below.")
		case e.Error != "":
			out = append(out, fmt.Sprintf("Expected %s: %s.", e.Expr, e.Error))
		default:
			out = append(out, fmt.Sprintf("Expected %s, and it was %s.", e.Expr, report.Expected(r, e)))
		}
	}
	return out
}

// watched says what faults counted that do nothing else.
func watched(r *result.Record, s *scenario.Scenario) (out []string) {
	for i := range s.Faults {
		f := &s.Faults[i]
		for _, receipt := range r.Faults {
			if f.Do.Watch && receipt.Name == f.Name && len(out) < mostWatched {
				what := strings.TrimPrefix(describe.Fault(f), "watch ")
				out = append(out,
					fmt.Sprintf("%s counted %s: %s, %s.", f.Name, quantity.Count(receipt.Chosen), what, describe.When(f)))
			}
		}
	}
	return out
}

// glossed explains counters that expectations name, if they moved: who wrote the scenario held them for telling.
func glossed(r *result.Record) (out []string) {
	seen := map[string]bool{}
	for _, e := range r.Expect {
		for _, word := range strings.FieldsFunc(e.Expr, func(c rune) bool {
			return strings.ContainsRune(" ()<>=!+-*/%&|,", c) && c != '-'
		}) {
			for _, node := range slices.Sorted(maps.Keys(r.Counters)) {
				counter, ok := strings.CutPrefix(word, node+".")
				n := r.Counters[node][counter]
				gloss, _ := metric.Gloss(counter)
				if !ok || n == 0 || gloss == "" || seen[word] || len(out) == mostGlosses {
					continue
				}
				seen[word] = true
				out = append(out, fmt.Sprintf("On %s, %s counted %s: %s.", node, counter, quantity.Count(n), gloss))
			}
		}
	}
	return out
}
