package query

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// Text writes the table for people: words to the left, numbers to the right, with units.
func (t *Table) Text(w io.Writer) error {
	var out table.Table
	for _, c := range t.Columns {
		out.Header, out.Right = append(out.Header, c.Name), append(out.Right, !c.Words)
	}
	for _, row := range t.Rows {
		texts := make([]string, len(row))
		for i, cell := range row {
			texts[i] = t.Columns[i].text(cell)
		}
		out.Rows = append(out.Rows, texts)
	}
	_, err := io.WriteString(w, out.Text(""))
	return err
}

// text of a cell, for people.
func (c *Column) text(cell Cell) string {
	switch {
	case c.Words && strings.HasPrefix(cell.Text, "sha256:"):
		return result.Short(cell.Text)
	case c.Words && c.Name == "valid":
		return map[string]string{"true": "yes", "false": "no"}[cell.Text]
	case c.Words && cell.Text == "":
		return metric.None
	case c.Words:
		return cell.Text
	}
	return metric.Metric{Unit: c.Unit, Share: c.Share}.Format(cell.Number)
}

// JSON writes a row as an object a line, in base units: seconds, bytes, shares of 1. What a run does not have is null.
func (t *Table) JSON(w io.Writer) error {
	for _, row := range t.Rows {
		b := []byte{'{'}
		for i, cell := range row {
			if i > 0 {
				b = append(b, ',')
			}
			name, err := encode(t.Columns[i].Name)
			if err != nil {
				return err
			}
			b = append(append(b, name...), ':')
			switch c := &t.Columns[i]; {
			case c.Words && c.Name == "valid":
				b = append(b, cell.Text...)
			case c.Words:
				text, err := encode(cell.Text)
				if err != nil {
					return err
				}
				b = append(b, text...)
			case math.IsNaN(cell.Number) || math.IsInf(cell.Number, 0):
				b = append(b, "null"...)
			default:
				b = strconv.AppendFloat(b, cell.Number, 'g', -1, 64)
			}
		}
		if _, err := w.Write(append(b, '}', '\n')); err != nil {
			return err
		}
	}
	return nil
}

// encode leaves <, > and & as they are.
func encode(s string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// CSV writes the table with a head, in base units. What a run does not have is empty.
func (t *Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	row := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		row[i] = c.Name
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for _, cells := range t.Rows {
		for i, cell := range cells {
			switch {
			case t.Columns[i].Words:
				row[i] = cell.Text
			case math.IsNaN(cell.Number):
				row[i] = ""
			default:
				row[i] = strconv.FormatFloat(cell.Number, 'g', -1, 64)
			}
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
