package manual

import (
	"fmt"
	"strings"
)

// writer writes a page in the language of man(7), as groff and mandoc read it.
type writer struct{ strings.Builder }

// macro writes a request with its arguments.
func (w *writer) macro(name string, args ...string) {
	w.WriteString("." + name)
	for _, arg := range args {
		if arg = escaped(arg); arg == "" || strings.Contains(arg, " ") {
			arg = `"` + arg + `"`
		}
		w.WriteString(" " + arg)
	}
	w.WriteByte('\n')
}

// raw writes what is in that language already.
func (w *writer) raw(text string) { w.WriteString(text) }

// line writes one line of text that is filled.
func (w *writer) line(text string) {
	if text == "" {
		return
	}
	text = escaped(text)
	if strings.HasPrefix(text, ".") { // a request, otherwise
		text = `\&` + text
	}
	w.WriteString(text + "\n")
}

// columns of a line that is filled, at most. A sentence begins a line, so that groff knows where one ends.
const columns = 80

// fill writes text in lines of a width that mandoc does not complain about.
func (w *writer) fill(text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case strings.HasSuffix(line, ".") || len(escaped(line+" "+word)) > columns:
			w.line(line)
			line = word
		default:
			line += " " + word
		}
	}
	w.line(line)
}

// text writes paragraphs. Those that are indented are examples or tables, and stay as they are.
func (w *writer) text(text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			w.macro("PP")
		}
		if !strings.HasPrefix(paragraph, " ") {
			w.fill(paragraph)
			continue
		}
		w.macro("EX")
		for line := range strings.SplitSeq(paragraph, "\n") {
			w.line(strings.TrimPrefix(line, "  "))
		}
		w.macro("EE")
	}
}

// escapes of what groff would print as something else: a hyphen that cannot be pasted, quotes that are bent.
var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`,
	`"`, `\(dq`)

// escaped makes text that means itself. What is not ASCII is named by its code point, so that pages print alike
// whatever the locale.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range escapes.Replace(text) {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\[u%04X]`, r)
	}
	return b.String()
}
