package inquiry

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/truth"
)

func TestMain(m *testing.M) { vmtest.Main(m) }

// asked is what kernels of the store answered, by the beginning of their release.
var asked = map[string]map[string]string{
	"5.10.": {"seed": truth.No, "reseed": truth.Unknown, "state-gap": truth.Unknown, "copies-copied": truth.Yes},
	"6.1.":  {"seed": truth.No, "reseed": truth.Unknown, "state-gap": truth.Unknown, "copies-copied": truth.Yes},
	"6.12.": {"seed": truth.Yes},
	"7.":    {"seed": truth.Yes, "reseed": truth.No, "state-gap": truth.No, "duplicate-refused": truth.No, "copies-copied": truth.No},
}

func TestTheKernelAnswersTheSameAgain(t *testing.T) {
	first, err := Ask()
	require.NoError(t, err)
	for _, a := range first.Answers {
		t.Logf("%s: %s", a.Name, a.Answer)
	}
	for _, s := range first.Trains {
		t.Logf("%s: %s", s.Model, s.Saw)
	}
	t.Log(first.Fingerprint)
	require.Len(t, first.Answers, len(truth.Questions()))
	require.Len(t, asks, len(truth.Questions()))
	require.Equal(t, truth.Yes, first.Knows("in-order"))
	require.Equal(t, truth.Yes, first.Knows("loss-models"))
	var u unix.Utsname
	require.NoError(t, unix.Uname(&u))
	for begin, answers := range asked {
		if strings.HasPrefix(unix.ByteSliceToString(u.Release[:]), begin) {
			for name, want := range answers {
				require.Equal(t, want, first.Knows(name), name)
			}
		}
	}
	for range 3 {
		again, err := Ask()
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
	links, err := os.ReadDir("/sys/class/net")
	require.NoError(t, err)
	require.Len(t, links, 1, "nothing is left but lo")
}

// The first numbers of taus113 from three seeds, worked out apart with the kernel's macros in C.
func TestStreamIsTheKernels(t *testing.T) {
	for seed, want := range map[uint64][]uint32{
		1:                   {276959246, 18909696, 2298495022},
		7:                   {1939238955, 132351680, 2080489641},
		1311768467294899695: {4162675846, 2794237896, 3294393514},
	} {
		s := newStream(seed)
		for _, w := range want {
			require.Equal(t, w, s.next())
		}
	}
}
