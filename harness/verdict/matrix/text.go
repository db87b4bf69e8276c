package matrix

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// fewLines are the numbers of a scenario that are shown, unless all are asked for.
const fewLines = 6

// Heading sums the matrix up in a sentence.
func (m *Matrix) Heading() string {
	return fmt.Sprintf("%s on %s, %s each: %d changed on the way from %s to %s",
		quantity.Plural(int64(len(m.Rows)), "scenario"), quantity.Plural(int64(len(m.Kernels)), "kernel"),
		quantity.Plural(int64(m.Seeds), "seed"), m.Changed(), m.Kernels[0], m.Kernels[len(m.Kernels)-1])
}

// Text writes the matrix for people; markdown as Markdown. all shows every number that changed, counters too.
func (m *Matrix) Text(w io.Writer, markdown, all bool) error {
	var b strings.Builder
	heading, gap := "", ""
	if markdown {
		heading, gap = "## ", "\n"
	}
	fmt.Fprintf(&b, "%s%s\n%s", heading, m.Heading(), gap)
	fmt.Fprintf(&b, "A number changed if it differs by %s or more from the kernel before.\n", quantity.Share(m.Margin))
	for i, s := range m.Alarms() {
		if i == 0 {
			fmt.Fprintln(&b)
		}
		fmt.Fprintf(&b, "determinism alarm: the same build, kernel, scenario and seed gave two digests: %s\n", s)
	}
	alone := 0
	for _, c := range m.Steps {
		alone = max(alone, c.Alone)
	}
	if alone > 0 {
		fmt.Fprintf(&b, "\nIf a single number changes, it takes %d pairs to distinguish that from chance.\n", alone)
	}
	steps := table.Table{Header: []string{"scenario"}}
	for i, k := range m.Kernels[1:] {
		steps.Header = append(steps.Header, m.Kernels[i]+" → "+k)
	}
	for i := range m.Rows {
		row := []string{m.Rows[i].Scenario}
		for _, c := range m.Rows[i].Cells {
			row = append(row, c.String())
		}
		steps.Rows = append(steps.Rows, row)
	}
	fmt.Fprint(&b, "\nNumbers that changed\n"+steps.Part(len(steps.Rows), all, markdown))
	for i := range m.Rows {
		m.Rows[i].text(&b, m.Kernels, markdown, all)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is such as "12, 3 of them worse".
func (c Cell) String() string {
	var text string
	switch {
	case c.Pairs == 0:
		return metric.None
	case c.Undecided:
		return fmt.Sprintf("%d of %d lost", c.Lost, c.Pairs)
	case c.Identical == c.Pairs:
		return "identical"
	case c.Changed == 0:
		text = "none"
	default:
		text = fmt.Sprint(c.Changed)
	}
	if c.Worse > 0 {
		text += fmt.Sprintf(", %d worse", c.Worse)
	}
	if c.Lost > 0 {
		text += fmt.Sprintf(" (%d of %d lost)", c.Lost, c.Pairs)
	}
	return text
}

// text writes the numbers of a scenario. A mean that differs from the one before it by a change is followed by its
// size.
func (r *Row) text(b *strings.Builder, kernels []string, markdown, all bool) {
	t := table.Table{Header: append([]string{"number"}, kernels...)}
	for i := range r.Lines {
		l := &r.Lines[i]
		if metric.IsCounter(l.Metric) && !all {
			continue
		}
		m := metric.Of(l.Metric, l.Unit)
		row := []string{l.Metric}
		for k, mean := range l.Means {
			if mean == nil {
				row = append(row, metric.None)
				continue
			}
			text := m.Format(*mean)
			if k > 0 && l.Changes[k-1] != nil {
				text += " " + l.Changes[k-1].Mark()
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return
	}
	heading := "\n" + r.Scenario + "\n"
	if markdown {
		heading = "\n### " + r.Scenario + "\n\n"
	}
	fmt.Fprint(b, heading+t.Part(fewLines, all, markdown))
}
