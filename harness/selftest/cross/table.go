package cross

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Table is what came of the checks over several runs.
type Table struct {
	rows  []entry
	units map[string]string
	runs  []string
}

type entry struct {
	check   Check
	metrics map[string]*seen // by name in metrics.md
}

// seen is where a metric was looked at.
type seen struct {
	scenarios, moved []string
	largest          float64
}

// NewTable returns an empty table. The catalogue knows the units.
func NewTable(catalogue []Metric) *Table {
	t := &Table{units: map[string]string{}}
	for _, m := range catalogue {
		t.units[m.Name] = m.Unit
	}
	for _, c := range Checks() {
		r := entry{check: c, metrics: map[string]*seen{}}
		for _, m := range c.Metrics {
			r.metrics[m] = &seen{}
		}
		t.rows = append(t.rows, r)
	}
	return t
}

// Add holds a run against all checks. It returns what is wrong.
func (t *Table) Add(r *Run) (wrong []string) {
	name := r.Scenario.Name
	t.runs = append(t.runs, name)
	for _, row := range t.rows {
		for _, o := range row.check.Compare(r) {
			s := row.metrics[o.Metric]
			if !slices.Contains(s.scenarios, name) {
				s.scenarios = append(s.scenarios, name)
			}
			if o.Value != 0 && !slices.Contains(s.moved, name) {
				s.moved = append(s.moved, name)
			}
			if !math.IsInf(o.High, 1) {
				s.largest = max(s.largest, o.Difference())
			}
			if o.Off() != 0 {
				wrong = append(wrong, fmt.Sprintf("%s: the record has %s, the capture allows %s to %s: %s",
					strings.Join(append([]string{o.Name}, o.Sum...), " + "), number(o.Value), number(o.Low),
					number(o.High), row.check.How))
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Seldom are the metrics of the catalogue that a check is for and that were looked at in fewer scenarios than that.
// Groups whose counters are not there before something happened are left out, and so are queues of faults, which
// two actions have.
func (t *Table) Seldom(least int) (list []string) {
	for _, row := range t.rows {
		for _, m := range row.check.Metrics {
			if _, ok := t.units[m]; ok && !strings.HasSuffix(m, ".*") && !rare(m) &&
				len(row.metrics[m].scenarios) < least {
				list = append(list, fmt.Sprintf("%s: in %d", m, len(row.metrics[m].scenarios)))
			}
		}
	}
	return list
}

// Markdown writes the table and the reasons.
func (t *Table) Markdown() string {
	var b strings.Builder
	b.WriteString("| metric | recomputed from the capture | runs | not 0 in | largest difference | tolerance, " +
		"and why |\n|---|---|---|---|---|---|\n")
	for _, row := range t.rows {
		names := slices.DeleteFunc(slices.Clone(row.check.Metrics),
			func(m string) bool { return len(row.metrics[m].scenarios) == 0 })
		if len(names) == 0 {
			continue
		}
		total := seen{}
		for _, m := range names {
			s := row.metrics[m]
			total.scenarios = append(total.scenarios, s.scenarios...)
			total.moved = append(total.moved, s.moved...)
			total.largest = max(total.largest, s.largest)
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s | %s |\n", short(names), row.check.How, distinct(total.scenarios),
			distinct(total.moved),
			t.difference(names[0], total.largest), row.check.Why)
	}
	b.WriteString("\n## What a capture cannot tell\n\n| why | metrics |\n|---|---|\n")
	for _, r := range Reasons {
		names := slices.DeleteFunc(r.names(), func(m string) bool { _, ok := t.units[m]; return !ok })
		if len(names) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", r.Why, strings.Join(names, ", "))
		}
	}
	return b.String()
}

// short writes the names of a row; of a numbered series the first and the last.
func short(names []string) string {
	if len(names) > 3 {
		return "`" + names[0] + "` to `" + names[len(names)-1] + "`"
	}
	return "`" + strings.Join(names, "` + `") + "`"
}

func distinct(names []string) int {
	slices.Sort(names)
	return len(slices.Compact(names))
}

// difference in the unit of a metric.
func (t *Table) difference(metric string, v float64) string {
	if t.units[metric] == "s" {
		return time.Duration(math.Round(v * 1e9)).Round(time.Microsecond / 10).String()
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// rare tells whether few scenarios have such a metric: of the queues of faults, and of disciplines that mark.
func rare(metric string) bool {
	return strings.HasPrefix(metric, "fault.NAME.queue.") || strings.HasSuffix(metric, ".queue.marks")
}
