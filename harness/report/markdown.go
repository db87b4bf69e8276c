package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
)

// Markdown writes the same as [Text] for the summary page of a CI job.
func Markdown(w io.Writer, r *result.Record, o Options) error {
	p := &printer{w: w}
	word, why := Outcome(r)
	p.line("## %s: %s", r.Scenario.Name, word)
	p.line("")
	p.line("%s (%s)", sentence(why), strings.Join(Identity(r), ", "))
	if len(r.InvalidBecause) > 0 {
		p.line("")
		for _, reason := range r.InvalidBecause {
			p.line("- %s", reason)
		}
	}
	for _, sec := range Sections(r, o) {
		p.line("")
		p.line("### %s", sec.Title)
		p.line("")
		p.text(sec.table().Markdown())
		for _, note := range lines(sec.Note) {
			p.line("")
			p.line("%s", note)
		}
		for _, q := range sec.Quotes {
			p.quote(q)
		}
	}
	p.line("")
	for _, f := range footer(r, o) {
		p.line("- %s: %s", f[0], code(f[0], f[1]))
	}
	return p.err
}

// quote writes lines between fences that none of them can end, and the title as code, since others wrote parts of it.
func (p *printer) quote(q Quote) {
	p.line("")
	tick := strings.Repeat("`", ticks(q.Title)+1)
	p.line("%s %s %s", tick, strings.ReplaceAll(q.Title, "\n", " "), tick)
	if len(q.Lines) == 0 {
		return
	}
	fence := strings.Repeat("`", max(3, ticks(strings.Join(q.Lines, "\n"))+1))
	p.line("")
	p.line("%stext", fence)
	for _, l := range q.Lines {
		p.line("%s", l)
	}
	p.line("%s", fence)
}

// ticks is the length of the longest row of backticks.
func ticks(s string) (longest int) {
	n := 0
	for _, c := range s {
		if n++; c != '`' {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// sentence makes a sentence of words.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func code(name, s string) string {
	if name == "time" {
		return s
	}
	return fmt.Sprintf("`%s`", s)
}
