package main

// The user interface of the command. Its rules:
//
//   - Standard output has the result only. Progress and all messages go to standard
//     error, so that `ruleout … > file` is always right.
//   - An error is one line, "ruleout: error: …". If the user can do something about it,
//     a second line follows, "ruleout: hint: …". Lower case, no full stop, no stack
//     trace, no "failed to". Mistakes in a file come first, in the form of a compiler.
//   - With --format json standard output is one JSON document, and standard error is
//     JSON Lines: an object per event, and in the end perhaps one with "error".
//   - Colour only on a terminal, never when NO_COLOR is set or TERM is dumb, and
//     nothing is said by colour alone. No cursor movement, no spinner, no question:
//     a log of the output reads like the output.
//   - Control characters from a record or a guest are shown as U+FFFD, in files too (see screen).
//   - The exit status says what is wrong: 0 nothing, 1 an expectation failed (or a
//     defect of ruleout, which says so), 2 the command line or a file is wrong, 3 this
//     machine cannot do it, 4 the run is invalid or a replay differed, 130 interrupted.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/report/printable"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// Formats of output.
const (
	formatText = "text"
	formatJSON = "json"
)

// exitInterrupted is what a shell expects of a program that Ctrl-C ended: 128 and SIGINT's number.
const exitInterrupted = 130

// status is an error that was reported already: only its exit status is left.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ui is the output of a command.
type ui struct {
	out, err io.Writer
	// format of the command that runs: formatText unless it has a --format flag.
	format string
}

// screen is standard output or standard error. All output goes through it: names and texts in records, archives and
// guests may come from elsewhere, and must not reach a terminal as control sequences.
type screen struct {
	printable.Writer
	file *os.File
}

func newScreen(f *os.File) *screen {
	s := &screen{file: f}
	s.Writer = printable.Writer{W: f, Colors: color(s)}
	return s
}

// fileOf returns the file of a writer, if that is a screen.
func fileOf(w io.Writer) (*os.File, bool) {
	s, ok := w.(*screen)
	if !ok {
		return nil, false
	}
	return s.file, true
}

// color reports whether colours may be written to w.
func color(w io.Writer) bool {
	f, ok := fileOf(w)
	return ok && terminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// terminal reports whether the file is a terminal.
func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// printf writes to standard output.
func (u *ui) printf(format string, args ...any) { fmt.Fprintf(u.out, format, args...) }

// table writes one to standard output.
func (u *ui) table(t *table.Table) error {
	_, err := io.WriteString(u.out, t.Text(""))
	return err
}

// json writes v to standard output as one document.
func (u *ui) json(v any) error {
	enc := encoder(u.out)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

// result writes what a command found or made to standard output: v as JSON if that was asked for, or else the text.
func (u *ui) result(v any, text string) error {
	if u.format == formatJSON {
		return u.json(v)
	}
	u.printf("%s", text)
	return nil
}

// line writes v to standard error as one line of JSON.
func (u *ui) line(v any) { _ = encoder(u.err).Encode(v) }

// encoder leaves <, > and & as they are: its output is not for web pages.
func encoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(&printable.Writer{W: w, JSON: true})
	enc.SetEscapeHTML(false)
	return enc
}

// event prints an event of a run. The text form begins with the clock of the run: "+" within the measured window, "-"
// before it.
func (u *ui) event(e protocol.Event) {
	if u.format == formatJSON {
		u.line(struct {
			At   float64 `json:"at"` // s
			Kind string  `json:"kind"`
			Text string  `json:"text"`
		}{e.At.Seconds(), e.Kind, e.Text})
		return
	}
	clock := "       "
	if e.Kind != protocol.Build && e.Kind != protocol.Start {
		clock = fmt.Sprintf("%+7.1f", e.At.Seconds())
	}
	fmt.Fprintf(u.err, "%s  %-9s  %s\n", clock, e.Kind, e.Text)
}

// building prints how far an image is.
func (u *ui) building(text string) { u.note("%s", text) }

// note prints a message that is not part of a run.
func (u *ui) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if u.format == formatJSON {
		u.line(map[string]string{"note": text})
		return
	}
	fmt.Fprintf(u.err, "%s\n", text)
}

// progress is an io.Writer whose lines become notes.
type progress struct {
	u    *ui
	rest string
}

func (p *progress) Write(b []byte) (int, error) {
	p.rest += string(b)
	for {
		line, rest, found := strings.Cut(p.rest, "\n")
		if !found {
			return len(b), nil
		}
		p.u.note("%s", strings.TrimRight(line, "\r"))
		p.rest = rest
	}
}

// fail reports err and returns the exit status for it.
func (u *ui) fail(ctx context.Context, err error) int {
	var reported status
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errInterrupted):
		// The interrupt is the cause: a signal from a terminal goes to QEMU as well, and
		// may be seen there first.
		u.error("interrupted", "", exitInterrupted, nil)
		return exitInterrupted
	case errors.As(err, &reported):
		return int(reported)
	}
	return u.tell(err)
}

// tell reports an error, and returns the exit status for it.
func (u *ui) tell(err error) int {
	code, hint := int(problem.KindOf(err)), problem.HintOf(err)
	var list *yamldoc.Errors
	if errors.As(err, &list) {
		u.mistakes(list, code)
		return code
	}
	if code == int(problem.Other) && hint == "" {
		hint = "unexpected error: please report it, with the output of ruleout doctor"
	}
	u.error(err.Error(), hint, code, nil)
	return code
}

// mistakes reports the mistakes in a file: each one, then their number.
func (u *ui) mistakes(list *yamldoc.Errors, code int) {
	what := quantity.Plural(int64(len(list.List)+list.More), "mistake")
	if len(list.List) > 0 {
		what += " in " + list.List[0].File
	}
	if u.format == formatText {
		fmt.Fprintln(u.err, list.Error())
		u.error(what, "", code, nil)
		return
	}
	u.error(what, "", code, list.List)
}

func (u *ui) error(message, hint string, code int, mistakes []*yamldoc.Error) {
	if u.format == formatJSON {
		u.line(struct {
			Error    string           `json:"error"`
			Hint     string           `json:"hint,omitempty"`
			Exit     int              `json:"exit"`
			Mistakes []*yamldoc.Error `json:"mistakes,omitempty"`
		}{message, hint, code, mistakes})
		return
	}
	red, bold, reset := "", "", ""
	if color(u.err) {
		red, bold, reset = "\x1b[31m", "\x1b[1m", "\x1b[0m"
	}
	// Errors that were joined have a line each.
	message = strings.ReplaceAll(message, "\n", "; ")
	fmt.Fprintf(u.err, "ruleout: %serror%s: %s\n", red, reset, message)
	if hint != "" {
		fmt.Fprintf(u.err, "ruleout: %shint%s: %s\n", bold, reset, hint)
	}
}

// quote makes a word safe to paste into a shell.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plain words mean themselves in every shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./=:,+%@-]+$`)
