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
	}
	p.line("")
	for _, f := range footer(r, o) {
		p.line("- %s: %s", f[0], code(f[0], f[1]))
	}
	return p.err
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
