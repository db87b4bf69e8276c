package findings

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/judge"
	"github.com/ruleout/ruleout/harness/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
)

// few is how many cases of an outcome are shown when not all are asked for.
const few = 12

// Text writes the findings for a terminal of this width. all shows every case.
func (f *Findings) Text(w io.Writer, width int, all bool) error {
	p := &printer{w: w, width: max(width, 60)}
	p.line("%s", f.Heading())
	p.line("%s", f.Tally())
	for _, o := range order {
		p.outcome(f, o, all)
	}
	if f.Unexpected > 0 {
		p.line("")
		p.line("not as expected:")
		for _, v := range f.Verdicts {
			if !v.AsExpected {
				p.line("  %s: %s, expected %s", v.Case.Name, v.Outcome, v.Expected)
			}
		}
	}
	return p.err
}

// Heading says what was looked at.
func (f *Findings) Heading() string {
	parts := []string{
		quantity.Plural(int64(f.Hypotheses), "hypothesis"), quantity.Plural(int64(f.Contexts), "context"), quantity.Plural(int64(f.Runs), "run"),
		fmt.Sprintf("false discovery %.3g %%", 100*f.FalseDiscovery),
	}
	if f.Controls > 0 {
		parts = append(parts, fmt.Sprintf("controls seen %d of %d", f.ControlsSeen, f.Controls))
	}
	if f.Placebos > 0 {
		parts = append(parts, fmt.Sprintf("placebos confirmed %d of %d", f.PlacebosConfirmed, f.Placebos))
	}
	return strings.Join(parts, " · ")
}

// Tally counts cases by their verdicts.
func (f *Findings) Tally() string {
	var parts []string
	for _, o := range order {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ToUpper(string(o)), f.Counts[o]))
	}
	return strings.Join(parts, "   ")
}

type printer struct {
	w     io.Writer
	width int
	err   error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// outcome writes the cases with one verdict: all, or the first few of them; what is ruled out by hypothesis.
func (p *printer) outcome(f *Findings, o verdict.Outcome, all bool) {
	list := f.with(o)
	if len(list) == 0 {
		return
	}
	p.line("")
	if o == verdict.RuledOut && !all {
		p.ruledOut(f)
		return
	}
	shown := list
	if !all && len(list) > few {
		shown = list[:few]
	}
	for _, v := range shown {
		p.verdict(v)
	}
	if n := len(list) - len(shown); n > 0 {
		p.line("%s %d more: --all shows them", indent, n)
	}
}

const indent = "             "

// verdict writes a case: its outcome and claim, then what it rests on, folded.
func (p *printer) verdict(v judge.Verdict) {
	text := v.Verdict.String()
	head, rest, _ := strings.Cut(text, "  ")
	p.fold(fmt.Sprintf("%-13s", head), rest)
}

// fold writes text with a label before its first line and blanks before the others. It breaks behind semicolons where
// it can, and at blanks.
func (p *printer) fold(label, text string) {
	room := p.width - len(label)
	for text != "" {
		cut := len(text)
		if cut > room {
			cut = strings.LastIndex(text[:room], "; ") + 1
			if cut < room/3 {
				cut = strings.LastIndex(text[:room], " ")
			}
			if cut <= 0 {
				cut = room
			}
		}
		p.line("%s%s", label, strings.TrimSpace(text[:cut]))
		text = strings.TrimSpace(text[cut:])
		label = strings.Repeat(" ", len(label))
	}
}

// ruledOut sums up what is ruled out, a line for each hypothesis.
func (p *printer) ruledOut(f *Findings) {
	for _, e := range f.Entries {
		n := e.Counts[verdict.RuledOut]
		if n == 0 {
			continue
		}
		where := ""
		switch {
		case len(e.Verdicts) == 1:
		case n == len(e.Verdicts):
			where = fmt.Sprintf("in all %d contexts", n)
		default:
			where = fmt.Sprintf("in %d of %d contexts", n, len(e.Verdicts))
		}
		least, most, widest := 0, 0, 0.
		for _, v := range e.Verdicts {
			if v.Outcome != verdict.RuledOut {
				continue
			}
			if least == 0 || v.Seeds < least {
				least = v.Seeds
			}
			most = max(most, v.Seeds)
			if s := size(v); s > widest {
				widest = s
			}
		}
		seeds := fmt.Sprint(least)
		if most > least {
			seeds += fmt.Sprintf(" to %d", most)
		}
		line := e.Name
		if where != "" {
			line += ", " + where
		}
		p.fold("RULED OUT    ", fmt.Sprintf("%s; %s pairs; largest effect seen %.2g of the margin", line, seeds, widest))
	}
}
