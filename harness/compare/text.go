package compare

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ruleout/ruleout/harness/metric"
	"github.com/ruleout/ruleout/harness/quantity"
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
	for _, s := range c.Alarms {
		fmt.Fprintf(&b, "\ndeterminism alarm: the same build, kernel, scenario and seed gave two digests: %s\n", s)
	}
	c.settings(&b, markdown, all)
	c.rows(&b, markdown, all)
	_, err := io.WriteString(w, b.String())
	return err
}

// Heading sums the comparison up in a sentence.
func (c *Comparison) Heading() string {
	switch {
	case c.Pairs == 0:
		return "no run of the one has a partner in the other"
	case c.Identical == c.Pairs:
		return fmt.Sprintf("IDENTICAL, all %s of runs to the last bit", quantity.Plural(int64(c.Pairs), "pair"))
	}
	changed := 0
	for _, r := range c.Rows {
		if r.Outcome == verdict.Confirmed {
			changed++
		}
	}
	text := fmt.Sprintf("%s, %d identical; %d of %s changed by the margin or more", quantity.Plural(int64(c.Pairs), "pair"), c.Identical, changed, quantity.Plural(int64(c.Compared), "number"))
	if c.Invalid > 0 {
		text += fmt.Sprintf("; %s invalid (%s)", quantity.Plural(int64(c.Invalid), "pair"), c.Because)
	}
	if c.Unpaired > 0 {
		text += fmt.Sprintf("; %s without a partner", quantity.Plural(int64(c.Unpaired), "run"))
	}
	return text
}

const (
	fewSettings = 20
	fewRows     = 40
)

func (c *Comparison) settings(b *strings.Builder, markdown, all bool) {
	if len(c.Settings) == 0 {
		return
	}
	shown := c.Settings
	if !all && len(shown) > fewSettings {
		shown = shown[:fewSettings]
	}
	rows := [][]string{{"setting", c.A, c.B}}
	for _, s := range shown {
		rows = append(rows, []string{s.Name, orDash(s.A), orDash(s.B)})
	}
	fmt.Fprint(b, "\nWhat differs in the settings\n")
	table(b, rows, markdown)
	if n := len(c.Settings) - len(shown); n > 0 {
		fmt.Fprintf(b, "  %d more: --all shows them\n", n)
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (c *Comparison) rows(b *strings.Builder, markdown, all bool) {
	if len(c.Rows) == 0 {
		return
	}
	shown := c.Rows
	if !all && len(shown) > fewRows {
		shown = shown[:fewRows]
	}
	rows := [][]string{{"scenario", "metric or counter", c.A, c.B, "change", "pairs", "is"}}
	for i := range shown {
		r := &shown[i]
		is := "changed"
		switch {
		case r.Outcome != verdict.Confirmed:
			is = "real, size unresolved"
		case r.Worse():
			is = "worse"
		case r.Better != "neither" && r.Better != "":
			is = "better"
		}
		rows = append(rows, []string{r.Scenario, r.Metric, r.value(r.A), r.value(r.B), r.Estimate.String(), fmt.Sprint(r.Seeds), is})
	}
	fmt.Fprint(b, "\nWhat differs in the numbers\n")
	table(b, rows, markdown)
	if n := len(c.Rows) - len(shown); n > 0 {
		fmt.Fprintf(b, "  %d more: --all shows them\n", n)
	}
}

// value writes a mean in the unit of its metric.
func (r *Row) value(v float64) string {
	if m, ok := metric.Lookup(r.Metric); ok && m.Share {
		return quantity.Share(v)
	}
	switch r.Unit {
	case "s":
		return quantity.Seconds(v)
	case "B":
		return quantity.Bytes(v)
	case "1/s":
		return quantity.Digits(v) + "/s"
	}
	return quantity.Digits(v)
}

// table writes rows, of which the first is the header.
func table(b *strings.Builder, rows [][]string, markdown bool) {
	if markdown {
		b.WriteString("\n")
		for i, row := range rows {
			for j := range row {
				row[j] = strings.ReplaceAll(row[j], "|", `\|`)
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(b, "|%s\n", strings.Repeat("---|", len(row)))
			}
		}
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush() // into memory
}
