package printable

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func written(t testing.TB, colors bool, parts ...string) string {
	var b bytes.Buffer
	w := Writer{W: &b, Colors: colors}
	for _, p := range parts {
		n, err := w.Write([]byte(p))
		require.NoError(t, err)
		require.Equal(t, len(p), n)
	}
	return b.String()
}

func TestWriter(t *testing.T) {
	for _, c := range []struct{ name, in, plain, colored string }{
		{"words", "3 × 4 µs – „naïve“ 網\n\tnext\n", "3 × 4 µs – „naïve“ 網\n\tnext\n", "3 × 4 µs – „naïve“ 網\n\tnext\n"},
		{"our colours", "\x1b[31merror\x1b[0m", "�[31merror�[0m", "\x1b[31merror\x1b[0m"},
		{"the title of the terminal", "a\x1b]0;pwned\x07b", "a�]0;pwned�b", "a�]0;pwned�b"},
		{"clear, and go up", "\x1b[2J\x1b[1A", "�[2J�[1A", "�[2J�[1A"},
		{"hidden letters", "\x1b[8mhidden\x1b[38;5;1m", "�[8mhidden�[38;5;1m", "�[8mhidden�[38;5;1m"},
		{"in one character", "\u009b2J\u0085", "�2J�", "�2J�"},
		{"in one byte", "\x9b2J", "�2J", "�2J"},
		{"over the same line", "bad\rgood\b\x7f\x00", "bad�good���", "bad�good���"},
		{"from right to left", "a\u202eb\u2066c\u2028d", "a�b�c�d", "a�b�c�d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.plain, written(t, false, c.in))
			require.Equal(t, c.colored, written(t, true, c.in))
			for at := range len(c.in) { // in two parts, wherever it is cut
				require.Equal(t, c.plain, written(t, false, c.in[:at], c.in[at:]), at)
				require.Equal(t, c.colored, written(t, true, c.in[:at], c.in[at:]), at)
			}
		})
	}
}

func TestJSONLosesNothing(t *testing.T) {
	const text = "a\u009b2J\u202e \x1b[2J \x7f\u2028, 網"
	var b bytes.Buffer
	require.NoError(t, json.NewEncoder(&Writer{W: &Writer{W: &b}, JSON: true}).Encode(text))
	require.False(t, harmful.MatchString(b.String()), "%q", b.String())
	var back string
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Equal(t, text, back)
}

var harmful = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{2028}-\x{202e}\x{2066}-\x{2069}]`)

func FuzzWriter(f *testing.F) {
	f.Add("\x1b[31mx\x1b]0;y\x07\u009b", 3)
	f.Fuzz(func(t *testing.T, s string, at int) {
		at = min(max(at, 0), len(s))
		out := written(t, false, s[:at], s[at:], "\n")
		require.True(t, utf8.ValidString(out))
		require.False(t, harmful.MatchString(out), "%q", out)
	})
}
