package prefault

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every page of the program's code is present and accessed afterwards, as the kernel counts it; the test program
// itself executes a small part of it only.
func TestTextIsPresentAndAccessed(t *testing.T) {
	require.NoError(t, Text())
	size, present, accessed := ofText(t)
	require.NotZero(t, size)
	require.Equal(t, size, present)
	require.Equal(t, size, accessed)
}

// ofText returns how many kB of this program's code there are, are present, and are accessed, by proc_pid_smaps(5).
func ofText(t *testing.T) (size, present, accessed string) {
	f, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer f.Close()
	program, err := os.Executable()
	require.NoError(t, err)
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case strings.Contains(fields[0], "-"):
			inside = fields[1] == "r-xp" && fields[len(fields)-1] == program
		case !inside:
		case fields[0] == "Size:":
			size = fields[1]
		case fields[0] == "Rss:":
			present = fields[1]
		case fields[0] == "Referenced:":
			accessed = fields[1]
		}
	}
	return size, present, accessed
}

func TestExecutableMappings(t *testing.T) {
	spans, err := Executable(strings.NewReader(`00400000-00401000 r--p 00000000 fe:00 12 /bin/x
00401000-00a02000 r-xp 00001000 fe:00 12 /bin/x
c000000000-c000400000 rw-p 00000000 00:00 0
7fff0000-7fff1000 r-xp 00000000 00:00 0 [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
`))
	require.NoError(t, err)
	require.Equal(t, []Span{{0x401000, 0xa02000}, {0x7fff0000, 0x7fff1000}}, spans)
	_, err = Executable(strings.NewReader("4z-5 r-xp 0 0 0"))
	require.ErrorContains(t, err, `"4z"`)
}
