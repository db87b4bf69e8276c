package bisect

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Report is a search and what it found, for people and programs.
type Report struct {
	Scenario string   `json:"scenario"`
	Calm     string   `json:"calm"`
	Other    string   `json:"other"`
	Changes  []Change `json:"changes"`
	Items    []Item   `json:"items"`
	Lead     int      `json:"lead"`
	Prevent  bool     `json:"prevent,omitempty"`
	*Result
}

// Change is what a number does between the two sides: means of the block of seeds.
type Change struct {
	Metric string  `json:"metric"`
	Calm   float64 `json:"calm"`
	Other  float64 `json:"other"`
	// Bar is the smallest change that counts.
	Bar float64 `json:"bar"`
}

// Changes are those that [Prober.Learn] found.
func (e *Effect) Changes() (list []Change) {
	for i, c := range e.changes {
		list = append(list, Change{e.Measures[i].name, c.calm, c.other, c.bar})
	}
	return list
}

// Found reports whether a set is named, and held on fresh seeds.
func (r *Report) Found() bool {
	for i := range r.Sets {
		if r.Sets[i].Confirmed() {
			return true
		}
	}
	return false
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s differ between %s and %s\n", r.Scenario, quantity.Plural(int64(len(r.Items)), "item"), r.Calm,
		r.Other)
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "%s: %s on the side %s, %s on the side %s; a change of %s counts\n", c.Metric, c.value(c.Calm),
			r.Calm, c.value(c.Other), r.Other, c.value(c.Bar))
	}
	b.WriteByte('\n')
	r.found(&b)
	fmt.Fprintf(&b, "\n%s tried; seeds were added to each until one answer was ahead by %d\n",
		quantity.Plural(int64(r.Asked), "configuration"), r.Lead)
	_, err := io.WriteString(w, b.String())
	return err
}

// value of a metric as people read it.
func (c Change) value(v float64) string {
	m, ok := metric.Lookup(c.Metric)
	if !ok {
		m.Unit = metric.One
	}
	return m.Format(v)
}

func (r *Report) found(b *strings.Builder) {
	verb := "makes it"
	if r.Prevent {
		verb = "prevents it, taken back"
	}
	switch {
	case r.None.Outcome() != Not:
		fmt.Fprintf(b, "The side %s is not calm: it shows a change against itself. Nothing was looked for.\n", r.Calm)
		return
	case len(r.Sets) == 0 && r.All.Outcome() == Unresolved && r.All.Shows+r.All.Not > 0:
		fmt.Fprintf(b, "Seeds do not agree whether the side %s shows it: %v. Nothing was found.\n", r.Other, r.All)
	case len(r.Sets) == 0 && r.All.Outcome() == Unresolved:
		fmt.Fprintf(b, "The side %s has no valid run. Nothing was found.\n", r.Other)
	case len(r.Sets) == 0:
		fmt.Fprintf(b, "%s and %s agree: %v show it. There is nothing to find.\n", r.Calm, r.Other, r.All)
	}
	if r.Hidden {
		fmt.Fprintf(b, "All items together do not show it (%v); a part of them does.\n", r.All)
	}
	for i := range r.Sets {
		r.set(b, &r.Sets[i], verb)
	}
	if len(r.Hides) > 0 {
		fmt.Fprintf(b, "Hides it:\n%s", r.items(r.Hides))
	}
	if len(r.Untested) > 0 {
		fmt.Fprintf(b, "Has no valid run, so nothing is said of it:\n%s", r.items(r.Untested))
	}
	if len(r.Undecided) > 0 {
		fmt.Fprintf(b, "Seeds do not agree about it, so nothing is said of it:\n%s", r.items(r.Undecided))
	}
	switch {
	case r.Left:
		fmt.Fprintf(b, "There are more sets; --most-sets looks for them.\n")
	case len(r.Sets) > 0 && r.Hidden:
		fmt.Fprintf(b, "The other items of that part together: %v.\n", r.Rest)
	case len(r.Sets) > 0 && len(r.Items) > len(r.Sets[0].Items):
		fmt.Fprintf(b, "All other items together: %v.\n", r.Rest)
	}
}

func (r *Report) set(b *strings.Builder, c *Culprit, verb string) {
	switch {
	case !c.Confirmed():
		fmt.Fprintf(b, "Suspected and not confirmed, since only %v of fresh seeds show it:\n", c.Alone)
	case c.Vague:
		fmt.Fprintf(b, "One or more of these %s; they could not be told apart, since runs between were not valid:\n", verb)
	case len(c.Items) > 1:
		fmt.Fprintf(b, "Together, and not one without the other, this %s:\n", verb)
	default:
		fmt.Fprintf(b, "%s:\n", strings.ToUpper(verb[:1])+verb[1:])
	}
	b.WriteString(r.items(c.Items))
	if c.Confirmed() {
		fmt.Fprintf(b, "    by itself: %v, none of them used before\n", c.Alone)
	}
	for i, t := range c.Without {
		fmt.Fprintf(b, "    without %s: %v\n", r.Items[c.Items[i]].Name, t)
	}
}

// items lists some items, one a line.
func (r *Report) items(of Set) string {
	var b strings.Builder
	for _, i := range of {
		fmt.Fprintf(&b, "  %v\n", r.Items[i])
	}
	return b.String()
}
