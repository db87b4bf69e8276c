package findings

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
	"github.com/ruleout/ruleout/harness/verdict/cases"
)

// few is how many cases of an outcome are shown when not all are asked for.
const few = 12

// Text writes the findings for a terminal of this width. all shows every case, also those that are ruled out.
func (f *Findings) Text(w io.Writer, width int, all bool) error {
	p := &printer{w: w, width: max(width, 60), figures: figuresAt(max(width, 60))}
	p.fold("", f.Heading(), 0)
	p.fold("", f.Tally(), 0)
	for _, o := range order {
		p.outcome(f, o, all)
	}
	p.scope(f)
	if f.Undecided > 0 {
		p.line("")
		p.line("%s undecided: the sweep ended before they had their seeds, and continues when it is called again",
			quantity.Plural(int64(f.Undecided), "case"))
	}
	p.unexpected(f)
	return p.err
}

// Heading says what was looked at.
func (f *Findings) Heading() string {
	parts := []string{
		quantity.Plural(int64(f.Hypotheses), "hypothesis"), quantity.Plural(int64(f.Contexts), "context"),
		quantity.Plural(int64(f.Runs), "run"),
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

// label is how wide the column of verdicts is.
const label = len("INCONCLUSIVE ")

type printer struct {
	w              io.Writer
	width, figures int // figures is the column in which effects stand
	err            error
}

// figuresAt leaves names what effects do not need. It is 0 where the two do not fit beside each other.
func figuresAt(width int) int {
	if width < 100 {
		return 0
	}
	return width - 46
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// outcome writes the cases with one verdict, hypothesis by hypothesis: all, or the first few of them; what is ruled out
// in a line for each hypothesis.
func (p *printer) outcome(f *Findings, o verdict.Outcome, all bool) {
	list, idle := seeded(f.With(o))
	if len(list)+idle == 0 {
		return
	}
	p.line("")
	if o == verdict.RuledOut && !all {
		p.ruledOut(f)
		return
	}
	shown := 0
	for _, group := range byEntry(list) {
		if shown += len(group); !all && shown > few && shown > len(group) {
			shown -= len(group)
			break
		}
		p.group(group)
	}
	if n := len(list) - shown; n > 0 {
		p.line("%*s%d more: --all shows them", label, "", n)
	}
	if idle > 0 {
		p.line("%-*s%s had no seed yet", label, strings.ToUpper(string(o)), have(idle, "case"))
	}
}

// seeded leaves out of what is inconclusive the cases that have not been looked at.
func seeded(list []cases.Verdict) (with []cases.Verdict, idle int) {
	for _, v := range list {
		if v.Outcome == verdict.Inconclusive && v.Seeds+v.Lost == 0 {
			idle++
			continue
		}
		with = append(with, v)
	}
	return with, idle
}

func have(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return quantity.Plural(int64(n), noun) + " have"
}

// byEntry puts the contexts of a hypothesis together, in the order of their firsts.
func byEntry(list []cases.Verdict) (groups [][]cases.Verdict) {
	at := map[string]int{}
	for _, v := range list {
		i, ok := at[v.Entry]
		if !ok {
			i = len(groups)
			at[v.Entry] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

// group writes a hypothesis in the contexts in which it has one verdict: what is claimed, how large the effect is, and
// below that what it rests on, which is written once where it is the same.
func (p *printer) group(list []cases.Verdict) {
	claim := list[0].Verdict
	claim.Hypothesis.Name = list[0].Entry
	word := strings.ToUpper(string(list[0].Outcome))
	if len(list[0].Context) == 0 {
		p.row(word, claim.Claim(), figure(list[0]))
		p.basis(list[0])
		return
	}
	p.row(word, claim.Claim(), "")
	for i, v := range list {
		p.row("", v.Context.String(), figure(v))
		if i == len(list)-1 || basis(v) != basis(list[i+1]) {
			p.basis(v)
		}
	}
}

// figure is the effect of a case that has one.
func figure(v cases.Verdict) string {
	if v.Outcome == verdict.Invalid || v.Seeds == 0 {
		return ""
	}
	return v.Effect()
}

func basis(v cases.Verdict) string { return strings.Join(v.Basis(), "; ") }

func (p *printer) basis(v cases.Verdict) {
	const deeper = label + 2
	p.fold(strings.Repeat(" ", deeper), basis(v), deeper)
}

// row writes a label, a claim, and a figure in its column; where they do not fit beside each other the figure comes
// below.
func (p *printer) row(word, claim, figure string) {
	head := fmt.Sprintf("%-*s", label, word)
	room := p.figures - label - 2
	beside := figure != "" && p.figures > 0 && utf8.RuneCountInString(figure) <= p.width-p.figures &&
		utf8.RuneCountInString(claim) <= 2*room
	if !beside {
		p.fold(head, claim, label)
		if figure != "" {
			p.fold(strings.Repeat(" ", label+2), figure, label+2)
		}
		return
	}
	lines := fold(claim, room)
	for i, l := range lines {
		if i == len(lines)-1 {
			l += strings.Repeat(" ", room-utf8.RuneCountInString(l)+2) + figure
		}
		p.line("%s%s", head, l)
		head = strings.Repeat(" ", label)
	}
}

// fold writes text with head before its first line and an indent before the others.
func (p *printer) fold(head, text string, indent int) {
	for _, l := range fold(text, p.width-len(head)) {
		p.line("%s%s", head, l)
		head = strings.Repeat(" ", indent)
	}
}

// fold breaks text into lines of so many characters: after semicolons where it can, otherwise at blanks, and in the
// midst of what is too long without them. There is one line at the least.
func fold(text string, room int) []string {
	var lines []string
	runes := []rune(text)
	for len(runes) > room {
		cut := lastIndex(runes[:room+1], func(i int) bool { return runes[i] == ' ' && i > 0 && runes[i-1] == ';' })
		if cut < room*2/3 {
			cut = lastIndex(runes[:room+1], func(i int) bool { return runes[i] == ' ' })
		}
		if cut <= 0 {
			cut = room
		}
		lines = append(lines, strings.TrimRight(string(runes[:cut]), " "))
		runes = []rune(strings.TrimLeft(string(runes[cut:]), " "))
	}
	return append(lines, string(runes))
}

func lastIndex(runes []rune, is func(i int) bool) int {
	for i := len(runes) - 1; i >= 0; i-- {
		if is(i) {
			return i
		}
	}
	return -1
}

// ruledOut sums up what is ruled out, a line for each hypothesis.
func (p *printer) ruledOut(f *Findings) {
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Counts[verdict.RuledOut] == 0 {
			continue
		}
		s := e.summary()
		name := e.Name
		if s.where != "" {
			name += ", " + s.where
		}
		p.row("RULED OUT", name, s.figure)
		p.fold(strings.Repeat(" ", label+2), s.basis, label+2)
	}
}

// unexpected lists the hypotheses with verdicts that the file does not expect.
func (p *printer) unexpected(f *Findings) {
	if f.Unexpected == 0 {
		return
	}
	p.line("")
	p.line("not as expected:")
	for i := range f.Entries {
		e := &f.Entries[i]
		counts := map[verdict.Outcome]int{}
		for _, v := range e.Verdicts {
			if !v.AsExpected {
				counts[v.Outcome]++
			}
		}
		for _, o := range order {
			if counts[o] == 0 {
				continue
			}
			where := ""
			if len(e.Verdicts) > 1 {
				where = fmt.Sprintf(" in %d of %d contexts", counts[o], len(e.Verdicts))
			}
			p.fold("  ", fmt.Sprintf("%s: %s%s, expected %s", e.Name, o, where, e.Verdicts[0].Expected), 4)
		}
	}
}

// scope says once what all verdicts hold for.
func (p *printer) scope(f *Findings) {
	if len(f.Verdicts) == 0 || f.Scope == "" {
		return
	}
	p.line("")
	p.fold("scope: ", f.Scope, len("scope: "))
}
