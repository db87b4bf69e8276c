// Package table writes rows under a header, as text in columns or as Markdown.
package table

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Table is rows of as many cells as the header has. Cells may have colours.
type Table struct {
	Header []string
	Rows   [][]string
	// Right says which columns are numbers, and so stand to the right; those that it does not have are words.
	Right []bool
	// Most are the widths above which the cells of a column are broken into lines; 0 is none, and so is what it does
	// not have.
	Most []int
}

// Text has a line for the header and for each row, indented, and no blanks at the ends of lines.
func (t *Table) Text(indent string) string {
	w := t.writer()
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: "  "}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{} // headers as they are written
	w.SetStyle(style)
	var b strings.Builder
	for line := range strings.SplitSeq(w.Render(), "\n") {
		b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
	}
	return b.String()
}

// Part has the first rows as Text or as Markdown: at most so many, unless all are asked for. A line says how many more
// --all shows.
func (t *Table) Part(most int, all, markdown bool) string {
	part := *t
	if !all {
		part.Rows = t.Rows[:min(most, len(t.Rows))]
	}
	text := part.Text("  ")
	if markdown {
		text = "\n" + part.Markdown()
	}
	if more := len(t.Rows) - len(part.Rows); more > 0 {
		text += fmt.Sprintf("  %d more: --all shows them\n", more)
	}
	return text
}

// Markdown is the same as a table of GitHub's Markdown. What would end a cell is escaped.
func (t *Table) Markdown() string { return t.writer().RenderMarkdown() + "\n" }

func (t *Table) writer() table.Writer {
	w := table.NewWriter()
	configs := make([]table.ColumnConfig, len(t.Header))
	for i := range configs {
		align := text.AlignLeft
		if i < len(t.Right) && t.Right[i] {
			align = text.AlignRight
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align}
		if i < len(t.Most) {
			configs[i].WidthMax, configs[i].WidthMaxEnforcer = t.Most[i], text.WrapSoft
		}
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(cells(t.Header))
	for _, row := range t.Rows {
		w.AppendRow(cells(row))
	}
	return w
}

func cells(row []string) table.Row {
	out := make(table.Row, len(row))
	for i, c := range row {
		out[i] = c
	}
	return out
}
