package findings

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// MarkdownLimit is what a job summary may have, in bytes, with room for what other steps write.
const MarkdownLimit = 900 << 10

// Markdown writes the findings for the summary page of a CI job, in less than limit bytes whatever there is to tell.
// What does not fit is counted: what needs action comes first.
func (f *Findings) Markdown(w io.Writer, limit int) error {
	m := &markdown{limit: limit - 512} // for what says that something was left out
	m.line("## %s", escape(f.Campaign))
	m.line("")
	if f.About != "" {
		m.line("%s", escape(f.About))
		m.line("")
	}
	m.line("%s", f.Heading())
	m.line("")
	m.line("| %s |", strings.Join([]string{"CONFIRMED", "RULED OUT", "INCONCLUSIVE", "INVALID"}, " | "))
	m.line("|---:|---:|---:|---:|")
	m.line("| **%d** | %d | %d | %d |", f.Counts[verdict.Confirmed], f.Counts[verdict.RuledOut],
		f.Counts[verdict.Inconclusive], f.Counts[verdict.Invalid])
	if f.Undecided > 0 {
		m.line("")
		m.line("**%d cases are undecided**: the sweep ended before they had their seeds.", f.Undecided)
	}
	m.unexpected(f)
	for _, o := range []verdict.Outcome{verdict.Confirmed, verdict.Inconclusive, verdict.Invalid} {
		m.cases(f, o)
	}
	m.ruledOut(f)
	if m.left > 0 {
		m.limit += 512
		m.line("")
		m.line("%d more did not fit here: `ruleout verdict` shows them.", m.left)
	}
	_, err := w.Write(m.b.Bytes())
	return err
}

type markdown struct {
	b     bytes.Buffer
	limit int
	left  int // lines that did not fit
}

// line writes a line, if there is room for it.
func (m *markdown) line(format string, args ...any) bool {
	text := fmt.Sprintf(format, args...)
	if m.b.Len()+len(text)+1 > m.limit {
		return false
	}
	m.b.WriteString(text + "\n")
	return true
}

// table writes rows, and counts those for which there is no room.
func (m *markdown) table(title string, head []string, rows int, row func(i int) []string) {
	if rows == 0 {
		return
	}
	if !m.line("\n### %s\n\n| %s |\n|%s", title, strings.Join(head, " | "), strings.Repeat("---|", len(head))) {
		m.left += rows
		return
	}
	for i := range rows {
		cells := row(i)
		for j := range cells {
			cells[j] = escape(cells[j])
		}
		if !m.line("| %s |", strings.Join(cells, " | ")) {
			m.left += rows - i
			return
		}
	}
}

func (m *markdown) unexpected(f *Findings) {
	var list []cases.Verdict
	for _, v := range f.Verdicts {
		if !v.AsExpected {
			list = append(list, v)
		}
	}
	m.table("Not as expected", []string{"case", "verdict", "expected"}, len(list), func(i int) []string {
		return []string{list[i].Case.Name, string(list[i].Outcome), string(list[i].Expected)}
	})
}

var titles = map[verdict.Outcome]string{verdict.Confirmed: "Confirmed", verdict.Inconclusive: "Inconclusive",
	verdict.Invalid: "Invalid"}

func (m *markdown) cases(f *Findings, o verdict.Outcome) {
	list := f.With(o)
	m.table(titles[o], []string{"hypothesis", "effect", "rests on"}, len(list), func(i int) []string {
		v := list[i]
		effect := v.Effect()
		if o == verdict.Invalid {
			effect = ""
		}
		return []string{v.Claim(), effect, strings.Join(v.Basis(), "; ")}
	})
}

func (m *markdown) ruledOut(f *Findings) {
	var list []*Entry
	for i := range f.Entries {
		if f.Entries[i].Counts[verdict.RuledOut] > 0 {
			list = append(list, &f.Entries[i])
		}
	}
	head := []string{"hypothesis", "where", "pairs", "largest effect seen, in margins",
		"ruled out too, after the fact, in each case alone"}
	m.table("Ruled out", head, len(list), func(i int) []string {
		s := list[i].summary()
		return []string{list[i].Name, s.where, s.pairs, fmt.Sprintf("%.2g", s.largest), s.above}
	})
}

// escape takes from text what Markdown would take for a table's or a tag's.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ", "*", `\*`, "_", `\_`, "`", "\\`").Replace(s)
}
