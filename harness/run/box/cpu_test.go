package box

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnotherProcessorIsExplained(t *testing.T) {
	for _, c := range []struct {
		signal string
		exit   int
		said   string
		want   string
	}{
		{"SIGILL", 132, "", "; it used an instruction that the emulated CPU does not have"},
		{"", 127, "Fatal glibc error: CPU does not support x86-64-v2", "; it was built for another processor"},
		{"", 127, "x: CPU ISA level is lower than required", "; it was built for another processor"},
		{"", 1, "CPU ISA level is lower than required", ""},
		{"SIGSEGV", 139, "", ""},
		{"", 127, "x: error while loading shared libraries: libz.so.1", ""},
	} {
		got := Explain(c.signal, c.exit, c.said)
		require.Equal(t, c.want == "", got == "", "%v", c)
		require.Contains(t, got, c.want)
	}
}
