// Package printable keeps text from doing anything but be read.
//
// What is printed comes from records, archives, files and guests that others may have made: a name in a record can hold
// an escape sequence which, on a terminal, sets its title, clears it, or writes over the line that says what is wrong.
// [Writer] stands between all that is printed and the terminal or file.
//
// The trap: to filter at each place that prints is to forget one. So commands write through one of these, and nothing
// else knows of it.
package printable

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Writer passes text on, with U+FFFD in place of each control character but line feed and tab, of what is no UTF-8, and
// of characters that change the direction of writing, with which a line looks other than it is.
type Writer struct {
	W io.Writer
	// Colors lets pass what sets a colour or weight (SGR, ECMA-48 8.3.117), which moves and hides nothing.
	Colors bool
	// JSON says that the text is JSON: then such characters, which are within strings there, are escaped, so that
	// nothing is lost.
	JSON bool

	rest []byte // of a character or sequence that is not whole yet
}

// color is a sequence that sets one of the eight colours of letters, bold, or neither: what this program writes itself.
var (
	color = regexp.MustCompile(`^\x1b\[(0|1|2|3[0-7])?m`)
	begun = regexp.MustCompile(`^\x1b(\[[0-9]{0,2})?$`)
)

// Write passes text on. A character that is cut in two is passed on with its second half.
func (w *Writer) Write(text []byte) (int, error) {
	in := slices.Concat(w.rest, text)
	w.rest = nil
	var out bytes.Buffer
	for len(in) > 0 {
		if in[0] == 0x1b && w.Colors {
			if s := color.Find(in); s != nil {
				out.Write(s)
				in = in[len(s):]
				continue
			}
			if begun.Match(in) {
				break
			}
		}
		if !utf8.FullRune(in) {
			break
		}
		r, size := utf8.DecodeRune(in)
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || turns(r)) {
			if w.JSON {
				fmt.Fprintf(&out, `\u%04x`, r)
				in = in[size:]
				continue
			}
			r = utf8.RuneError
		}
		out.WriteRune(r)
		in = in[size:]
	}
	w.rest = bytes.Clone(in)
	if _, err := w.W.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// turns reports whether a character changes the direction of what follows (UAX #9, explicit formatting), or begins a
// line of its own.
func turns(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029
}
