package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Options of a report. The zero value is a plain report.
type Options struct {
	// Color marks titles and outcomes. Nothing is said by colour alone.
	Color bool
	// AllCounters shows every counter that moved, and not only TCP's most telling ones.
	AllCounters bool
	// Path of the record's file, or empty when it is not kept.
	Path string
	// Replay is the command that makes the run again, or empty.
	Replay string
}

// Text writes the record's tables for a terminal.
func Text(w io.Writer, r *result.Record, o Options) error {
	p := &printer{w: w, color: o.Color}
	p.line("%s  %s", p.paint(text.Bold, r.Scenario.Name), strings.Join(Identity(r), "  "))
	for _, sec := range Sections(r, o) {
		p.line("")
		p.line("%s", p.paint(text.Bold, sec.Title))
		p.table(sec)
		for _, note := range lines(sec.Note) {
			p.line("  %s", p.paint(text.Faint, note))
		}
		for _, q := range sec.Quotes {
			p.line("  %s", q.Title)
			for _, l := range q.Lines {
				p.line("    %s", p.paint(text.Faint, l))
			}
		}
	}
	p.line("")
	word, why := Outcome(r)
	color := text.FgRed
	if word == OutcomeMet {
		color = text.FgGreen
	}
	p.line("%s%s", p.paint(color, word), prefix(": ", why))
	for _, reason := range r.InvalidBecause {
		p.line("  - %s", reason)
	}
	p.line("")
	for _, f := range footer(r, o) {
		p.line("%-7s %s", f[0], f[1])
	}
	return p.err
}

// Words for how a run ended.
const (
	OutcomeMet     = "as expected"
	OutcomeFailed  = "not as expected"
	OutcomeInvalid = "invalid run"
)

// Outcome says in a word or two how the run ended, and why.
func Outcome(r *result.Record) (word, why string) {
	if !r.Valid {
		return OutcomeInvalid, "it shows nothing either way"
	}
	failed := 0
	for _, e := range r.Expect {
		if !e.OK {
			failed++
		}
	}
	switch {
	case failed > 0 && len(r.Expect) == 1:
		return OutcomeFailed, "the one expectation failed"
	case failed > 0:
		return OutcomeFailed, fmt.Sprintf("%d of %d expectations failed", failed, len(r.Expect))
	case len(r.Expect) == 0:
		return OutcomeMet, "nothing was expected"
	case len(r.Expect) == 1:
		return OutcomeMet, "the one expectation was met"
	case len(r.Expect) == 2:
		return OutcomeMet, "both expectations were met"
	}
	return OutcomeMet, fmt.Sprintf("all %d expectations were met", len(r.Expect))
}

// Identity names what was run, besides the scenario.
func Identity(r *result.Record) []string {
	id := []string{fmt.Sprintf("seed %d", r.Seed), "kernel " + r.Provenance.Kernel}
	if r.Provenance.QEMU != "" {
		id = append(id, "QEMU "+r.Provenance.QEMU)
	} else {
		id = append(id, "on the host")
	}
	return id
}

// footer is how the run can be found and made again.
func footer(r *result.Record, o Options) [][2]string {
	out := [][2]string{
		{"time", Times(r)},
		{"digest", r.Digest},
	}
	if o.Path != "" {
		out = append(out, [2]string{"record", o.Path})
	}
	if o.Replay != "" {
		out = append(out, [2]string{"replay", o.Replay})
	}
	return out
}

// Times says how long the run took, by its own clock and by ours.
func Times(r *result.Record) string {
	clock := "virtual"
	if r.Backend == "host" {
		clock = "real"
	}
	return fmt.Sprintf("%s measured, %s of %s time in all, %s of wall time",
		quantity.Exact(quantity.Seconds(r.Time.Measured)), quantity.Seconds(r.Time.Virtual), clock,
		quantity.Seconds(r.Time.Wall))
}

// printer remembers the first error, so that the code above can read as a page does.
type printer struct {
	w     io.Writer
	color bool
	err   error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) paint(c text.Color, s string) string {
	if !p.color {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func (p *printer) table(sec Section) {
	t := sec.table()
	for i, row := range t.Rows {
		t.Rows[i] = slices.Clone(row)
		for j, cell := range row {
			switch cell {
			case "✓":
				t.Rows[i][j] = p.paint(text.FgGreen, cell)
			case "✗":
				t.Rows[i][j] = p.paint(text.FgRed, cell)
			}
		}
	}
	p.text(t.Text("  "))
}

// text writes what ends with a line.
func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

func (s *Section) table() *table.Table {
	right := make([]bool, len(s.Header))
	for i := range right {
		right[i] = i >= s.Left
	}
	return &table.Table{Header: s.Header, Rows: slices.Clone(s.Rows), Right: right, Most: s.most}
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func prefix(p, s string) string {
	if s == "" {
		return ""
	}
	return p + s
}
