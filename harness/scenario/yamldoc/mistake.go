package yamldoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Error is one mistake in a file or in a --set argument.
type Error struct {
	// File as it was named, or "--set" and the argument.
	File string `json:"file"`
	// Line and Col count from 1, Col in characters. Line is 0 where there are no lines:
	// in a --set argument and in a stored canonical form, which has no Col either.
	Line int `json:"line"`
	Col  int `json:"column"`
	// Msg says what is wrong, Hint (perhaps empty) what to do about it.
	Msg  string `json:"message"`
	Hint string `json:"hint,omitempty"`
	// Source is the line itself; Width is the number of characters to underline.
	Source string `json:"-"`
	Width  int    `json:"-"`

	order int // of the text in which it is: the file first, then each --set
}

// Error formats the mistake as a compiler would: place and message, the line with
// carets below, the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	fmt.Fprintf(&b, ": %s", e.Msg)
	if e.Col > 0 {
		gutter := "      " // stands before a --set argument, which has no line number
		if e.Line > 0 {
			gutter = fmt.Sprintf("%5d | ", e.Line)
		}
		source, before, width := excerpt(e.Source, e.Col, e.Width)
		margin := gutter
		if e.Line > 0 {
			margin = "      | "
		}
		fmt.Fprintf(&b, "\n%s%s\n%s%s%s", gutter, source, margin, before, strings.Repeat("^", width))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "\n   hint: %s", e.Hint)
	}
	return b.String()
}

// excerpt cuts a line down to what fits a terminal around column col (from 1) and
// makes it harmless to print. before is what to print below it up to that column.
func excerpt(line string, col, width int) (shown, before string, under int) {
	const most, lead = 140, 60
	runes := []rune(line)
	for i, r := range runes {
		if r != '\t' && !unicode.IsPrint(r) {
			runes[i] = utf8.RuneError
		}
	}
	at := min(col-1, len(runes))
	from := 0
	if at > most-20 {
		from = at - lead
	}
	to := min(len(runes), from+most)
	shown = string(runes[from:to])
	if from > 0 {
		shown = "…" + shown
		before = " "
	}
	if to < len(runes) {
		shown += "…"
	}
	for _, r := range runes[from:at] {
		if r != '\t' { // a tab keeps the caret below its character at any tab width
			r = ' '
		}
		before += string(r)
	}
	return shown, before, max(1, min(width, to-at))
}

// Errors is everything that is wrong with a file, in the order of the text.
type Errors struct {
	List []*Error
	// More is how many further mistakes were found and left out.
	More int
}

// MostErrors is how many mistakes are reported at once; a file with more of them is something else.
const MostErrors = 20

// Error returns all of them, one after the other.
func (e *Errors) Error() string {
	texts := make([]string, len(e.List), len(e.List)+1)
	for i, one := range e.List {
		texts[i] = one.Error()
	}
	if e.More > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(texts, "\n")
}

// Unwrap returns the single mistakes.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

func (e *Errors) add(one *Error) {
	if e.full() {
		e.More++
		return
	}
	e.List = append(e.List, one)
}

// full reports whether there is room for no more: ten times what is shown, since the
// first in the text need not be the first to be found.
func (e *Errors) full() bool { return len(e.List) >= 10*MostErrors }

// err sorts the list and returns it as an error of kind [problem.Usage], or nil when it is empty.
func (e *Errors) err() error {
	if len(e.List) == 0 {
		return nil
	}
	slices.SortStableFunc(e.List, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	e.List = slices.CompactFunc(e.List, func(a, b *Error) bool {
		return a.order == b.order && a.Line == b.Line && a.Col == b.Col && a.Msg == b.Msg
	})
	if n := len(e.List); n > MostErrors {
		e.List, e.More = e.List[:MostErrors], e.More+n-MostErrors
	}
	return problem.Wrap(problem.Usage, e, "")
}
