package compare

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Text writes the comparison for people; markdown as Markdown. all shows every row and setting.
func (c *Comparison) Text(w io.Writer, markdown, all bool) error {
	var b strings.Builder
	heading, line := "", ""
	if markdown {
		heading, line = "## ", "\n"
	}
	fmt.Fprintf(&b, "%s%s against %s: %s\n%s", heading, c.A, c.B, c.Heading(), line)
	for _, k := range c.Kernels {
		if k.A != k.B {
			fmt.Fprintf(&b, "\nRuns on kernel %s are compared with those of the same scenario and seed on %s.\n", k.A, k.B)
		}
	}
	for _, s := range c.Alarms {
		fmt.Fprintf(&b, "\ndeterminism alarm: the same build, kernel, scenario and seed gave two digests: %s\n", s)
	}
	for _, l := range c.Lost {
		says := "counted as seeds without a change"
		if l.TooMany {
			says = "too many to compare its numbers"
		}
		fmt.Fprintf(&b, "\n%s: %d of %s lost, %s: %s\n", l.Scenario, l.Lost, quantity.Plural(int64(l.Pairs), "pair"), says,
			l.Because)
	}
	if c.Alone > 0 {
		fmt.Fprintf(&b, "\nIf a single number changes, it takes %d pairs to distinguish that from chance.\n", c.Alone)
	}
	c.settings(&b, markdown, all)
	c.rows(&b, markdown, all)
	_, err := io.WriteString(w, b.String())
	return err
}

// Heading sums the comparison up in a sentence.
func (c *Comparison) Heading() string {
	changed, uncompared := 0, 0
	for i := range c.Rows {
		switch c.Rows[i].Outcome {
		case verdict.Confirmed:
			changed++
		case verdict.Invalid:
			uncompared++
		}
	}
	var text string
	switch {
	case c.Pairs == 0:
		return "no run has a partner on the other side"
	case c.Identical == c.Pairs:
		text = fmt.Sprintf("IDENTICAL, all %s of runs to the last bit", quantity.Plural(int64(c.Pairs), "pair"))
	default:
		text = fmt.Sprintf("%s, %d identical; %d of %s changed by the margin or more, %d moved at all",
			quantity.Plural(int64(c.Pairs), "pair"), c.Identical, changed,
			quantity.Plural(int64(c.Compared), "number"), c.Moved)
	}
	if uncompared > 0 {
		text += fmt.Sprintf("; %d could not be compared", uncompared)
	}
	lost := 0
	for _, l := range c.Lost {
		lost += l.Lost
	}
	if lost > 0 {
		text += fmt.Sprintf("; %s lost", quantity.Plural(int64(lost), "pair"))
	}
	if c.Unpaired > 0 {
		text += fmt.Sprintf("; %s without a partner", quantity.Plural(int64(c.Unpaired), "run"))
	}
	return text
}

// Undecided reports whether of some scenario nothing can be said.
func (c *Comparison) Undecided() bool {
	return slices.ContainsFunc(c.Lost, func(l Lost) bool { return l.TooMany })
}

const (
	fewSettings = 20
	fewRows     = 40
)

func (c *Comparison) settings(b *strings.Builder, markdown, all bool) {
	if len(c.Settings) == 0 {
		return
	}
	t := table.Table{Header: []string{"setting", c.A, c.B}}
	for _, s := range c.Settings {
		t.Rows = append(t.Rows, []string{s.Name, cmp.Or(s.A, metric.None), cmp.Or(s.B, metric.None)})
	}
	fmt.Fprint(b, "\nDifferences in settings\n"+t.Part(fewSettings, all, markdown))
}

func (c *Comparison) rows(b *strings.Builder, markdown, all bool) {
	if len(c.Rows) == 0 {
		return
	}
	t := table.Table{Header: []string{"scenario", "metric or counter", c.A, c.B, "change", "pairs", "is"}}
	for i := range c.Rows {
		r := &c.Rows[i]
		t.Rows = append(t.Rows, []string{r.Scenario, r.Metric, r.value(r.A, r.SeedsA), r.value(r.B, r.SeedsB),
			r.change(), r.pairs(), r.is(c.A, c.B)})
	}
	fmt.Fprint(b, "\nDifferences in numbers\n"+t.Part(fewRows, all, markdown))
}

// change is the estimate, as far as there is one.
func (r *Row) change() string {
	if r.Seeds == 0 {
		return "–"
	}
	return r.Estimate.String()
}

// pairs is how many gave a number, and of how many if some did not.
func (r *Row) pairs() string {
	if r.Lost > 0 {
		return fmt.Sprintf("%d of %d", r.Seeds, r.Seeds+r.Lost)
	}
	return fmt.Sprint(r.Seeds)
}

// is says what became of the number.
func (r *Row) is(a, b string) string {
	switch {
	case r.Outcome == verdict.Invalid && r.SeedsB == 0:
		return "only in " + a
	case r.Outcome == verdict.Invalid && r.SeedsA == 0:
		return "only in " + b
	case r.Outcome == verdict.Invalid:
		texts := make([]string, len(r.Reasons))
		for i, reason := range r.Reasons {
			texts[i] = reason.Text
		}
		return "not compared: " + strings.Join(texts, "; ")
	case r.Outcome != verdict.Confirmed:
		return "real, size unresolved"
	case r.Worse():
		return "worse"
	case r.Better != metric.Neither && r.Better != "":
		return "better"
	}
	return "changed"
}

// Mark is an arrow up or down, and what it is for whoever runs it: "↑ worse".
func (r *Row) Mark() string {
	arrow := "↑"
	if r.B < r.A {
		arrow = "↓"
	}
	if is := r.is("", ""); is == "worse" || is == "better" {
		return arrow + " " + is
	}
	return arrow
}

// value writes a mean in the unit of its metric; seeds is how many it is of.
func (r *Row) value(v float64, seeds int) string {
	if seeds == 0 {
		return metric.None
	}
	return metric.Of(r.Metric, r.Unit).Format(v)
}
