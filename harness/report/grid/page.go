package grid

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/ruleout/ruleout/harness/report/page"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict/matrix"
)

//go:embed grid.html
var files embed.FS

//go:embed grid.css
var style string

var pages = template.Must(page.Template(template.CSS(style), "").ParseFS(files, "grid.html"))

// view is all that a page shows.
type view struct {
	Title, Heading, Margin string
	Alarms                 []string
	Kernels                []kernel
	Steps                  []string
	Rows                   []row
}

type kernel struct{ Name, Release string }

// row is a scenario.
type row struct {
	Name              string
	Cells             []cell
	Metrics, Counters numbers
}

// numbers are a table of them.
type numbers struct {
	Kernels []kernel
	Lines   []line
}

// cell is a scenario at one step.
type cell struct{ Text, Class string }

// line is a number on every kernel.
type line struct {
	Name   string
	Values []value
}

// value is a mean, and how it changed from the kernel before.
type value struct{ Text, Mark, Change, Class string }

// Write writes the page of a matrix.
func Write(w io.Writer, m *matrix.Matrix) error {
	v := &view{Heading: m.Heading(), Margin: quantity.Share(m.Margin), Alarms: m.Alarms()}
	v.Title = fmt.Sprintf("What changed from %s to %s", m.Kernels[0], m.Kernels[len(m.Kernels)-1])
	for i, k := range m.Kernels {
		v.Kernels = append(v.Kernels, kernel{k, m.Releases[i]})
		if i > 0 {
			v.Steps = append(v.Steps, m.Kernels[i-1]+" → "+k)
		}
	}
	for i := range m.Rows {
		v.Rows = append(v.Rows, newRow(&m.Rows[i], v.Kernels))
	}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "grid.html", v); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func newRow(r *matrix.Row, kernels []kernel) row {
	out := row{Name: r.Scenario, Metrics: numbers{Kernels: kernels}, Counters: numbers{Kernels: kernels}}
	for _, c := range r.Cells {
		out.Cells = append(out.Cells, cell{c.String(), classOf(c)})
	}
	for i := range r.Lines {
		l := newLine(&r.Lines[i])
		if metric.IsCounter(l.Name) {
			out.Counters.Lines = append(out.Counters.Lines, l)
		} else {
			out.Metrics.Lines = append(out.Metrics.Lines, l)
		}
	}
	return out
}

// classOf is the colour of a cell.
func classOf(c matrix.Cell) string {
	switch {
	case c.Undecided || c.Pairs == 0:
		return "lost"
	case c.Worse > 0:
		return "worse"
	case c.Metrics > 0:
		return "moved"
	case c.Changed > 0:
		return "counted"
	}
	return "same"
}

func newLine(l *matrix.Line) line {
	m := metric.Of(l.Metric, l.Unit)
	out := line{Name: l.Metric}
	for i, mean := range l.Means {
		v := value{Text: metric.None}
		if mean != nil {
			v.Text = m.Format(*mean)
		}
		if i > 0 && l.Changes[i-1] != nil {
			c := l.Changes[i-1]
			v.Mark, v.Change, v.Class = c.Mark(), c.Estimate.String(), "moved"
			if c.Worse() {
				v.Class = "worse"
			}
		}
		out.Values = append(out.Values, v)
	}
	return out
}
