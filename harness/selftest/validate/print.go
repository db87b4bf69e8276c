package validate

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Text writes the table for a terminal or a log.
func (t *Table) Text(w io.Writer) error {
	out := table.Table{Header: []string{"case", "source", "expected"}, Right: make([]bool, 3), Most: []int{0, 44}}
	for _, k := range t.Kernels {
		out.Header, out.Right = append(out.Header, Short(k)), append(out.Right, true)
	}
	out.Header = append(out.Header, "verdict")
	for _, r := range t.Rows {
		for i := range r.Expected {
			row := []string{"", "", r.Expected[i]}
			verdict := ""
			if i == 0 {
				row[0], row[1], verdict = r.title(r.Name), r.Source, string(r.Verdict())
			}
			out.Rows = append(out.Rows, append(append(row, r.cells(i)...), verdict))
		}
	}
	var b strings.Builder
	b.WriteString(out.Text(""))
	for _, n := range t.notes() {
		b.WriteString("\n" + n)
	}
	b.WriteString("\n" + t.Summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary counts the verdicts, in words.
func (t *Table) Summary() string {
	n := t.Count()
	var parts []string
	for _, v := range []Verdict{Agrees, Disagrees, Invalid, Failed, LeftOut} {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], map[Verdict]string{
				Agrees: "agree", Disagrees: "disagree", Invalid: "invalid", Failed: "without a record", LeftOut: "left out"}[v]))
		}
	}
	return fmt.Sprintf("%s on %s: %s", quantity.Plural(int64(len(t.Rows)), "case"),
		quantity.Plural(int64(len(t.Kernels)), "kernel"), strings.Join(parts, ", "))
}

// Markdown writes the table as a page. links says where the files of cases are, seen from the page.
func (t *Table) Markdown(w io.Writer, command, links string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- Generated: run %s -->\n\n# Validation against published results\n\n", command)
	fmt.Fprintf(&b, "Every case is a scenario in [scenarios/validate](%s). "+
		"What is expected comes from the source named, not from an earlier\n"+
		"run; its comment tells how it is measured, and why where a kernel differs. `%s` makes all of this again.\n"+
		"That a case can fail is shown by `make validate-broken`, "+
		"which changes each of them as [broken.txt](%s/broken.txt) says.\n\n", links, command, links)
	fmt.Fprintf(&b, "**%s.** Seed %d, and those that follow where a case has several: their counts are added up, "+
		"their times averaged. A figure is the left-hand side of what is expected; ✗ marks one that differs, – a kernel on\n"+
		"which the case has no meaning.\n\n| kernel | release |\n|---|---|\n", t.Summary(), t.Seed)
	for _, k := range t.Kernels {
		fmt.Fprintf(&b, "| %s | %s |\n", Short(k), k)
	}
	b.WriteString("\n## Results\n\n| case | source | expected |")
	for _, k := range t.Kernels {
		fmt.Fprintf(&b, " %s |", Short(k))
	}
	b.WriteString(" verdict |\n|---|---|---|" + strings.Repeat("--:|", len(t.Kernels)) + "---|\n")
	for _, r := range t.Rows {
		for i, e := range r.Expected {
			name, source, verdict := "", "", ""
			if i == 0 {
				name, source, verdict = r.title(fmt.Sprintf("[%s](%s/%s)", r.Name, links, path.Base(r.File))), cell(r.Source),
					string(r.Verdict())
			}
			fmt.Fprintf(&b, "| %s | %s | `%s` |", name, source, cell(e))
			for _, c := range r.cells(i) {
				fmt.Fprintf(&b, " %s |", c)
			}
			fmt.Fprintf(&b, " %s |\n", verdict)
		}
	}
	if notes := t.notes(); len(notes) > 0 {
		b.WriteString("\n## Cases that do not agree\n\n")
		for _, n := range notes {
			b.WriteString("- " + n)
		}
	}
	b.WriteString("\n## Where kernels differ\n\nFrom one another, or from their documentation:\n\n")
	for _, r := range t.Rows {
		if r.Differs != "" {
			_, why, _ := strings.Cut(r.Differs, ". ")
			fmt.Fprintf(&b, "- **%s**: %s\n", r.Name, why)
		}
	}
	b.WriteString(beyond)
	b.WriteString("\n## What each case shows\n\n")
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "- **%s**: %s\n", r.Name, r.About)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// beyond is what no case can hold against its source, since it takes single packets, and a record has counts and
// quantiles.
const beyond = `
## What cases cannot say

- That the delays of single packets have the distribution that was asked for, by a test of Kolmogorov and Smirnov: a record has quantiles of
  latency and no list of delays, and the cases netem-delay-uniform and netem-delay-normal hold the quantiles. The test over single packets, at the
  receiver, is ` + "`go test -run TestDelaysAreThose ./harness/run/fault`" + `, on any kernel with ` +
	"`RULEOUT_KERNEL`" + `.
- The reordered share as RFC 4737 defines it, and netem's own gap: no metric has the order in which single packets arrive. Faults choose packets themselves
  and have netem hold them back, so that its own choice is not used.
`

// title is the name of a case, and over how many seeds it is judged.
func (r *Row) title(name string) string {
	if r.Seeds > 1 {
		return fmt.Sprintf("%s, %d seeds", name, r.Seeds)
	}
	return name
}

// cells of one expectation, one for each kernel.
func (r *Row) cells(i int) []string {
	var row []string
	for _, o := range r.Outcomes {
		switch {
		case o.Verdict == LeftOut:
			row = append(row, "–")
		case i >= len(o.Measured):
			row = append(row, string(o.Verdict))
		case !o.Measured[i].OK:
			row = append(row, "✗ "+o.Measured[i].Text)
		default:
			row = append(row, o.Measured[i].Text)
		}
	}
	return row
}

// notes says why runs were invalid or left no record, a line each.
func (t *Table) notes() []string {
	var list []string
	for _, r := range t.Rows {
		for i, o := range r.Outcomes {
			if o.Verdict == Invalid || o.Verdict == Failed {
				list = append(list, fmt.Sprintf("%s on %s: %s: %s\n", r.Name, Short(t.Kernels[i]), o.Verdict, oneLine(o.Because)))
			}
		}
	}
	return list
}

// cell makes text safe between the bars of a Markdown table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// Short returns the series of a kernel's release: 6.1 of 6.1.0-48-cloud-amd64.
func Short(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return release
	}
	minor := parts[1]
	if i := strings.IndexFunc(minor, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		minor = minor[:i]
	}
	return parts[0] + "." + minor
}
