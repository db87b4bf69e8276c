package truth

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/scenario"
)

func TestMain(m *testing.M) { vmtest.Main(m) }

func TestEachQuestionHasItsCommit(t *testing.T) {
	for _, q := range Questions() {
		require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{12}`), q.Commit, q.Name)
		require.NotEmpty(t, q.About, q.Name)
	}
}

// asked is what kernels of the store answered, by the beginning of their release.
var asked = map[string]map[string]string{
	"5.10.": {"seed": No, "reseed": Unknown, "state-gap": Unknown, "copies-copied": Yes},
	"6.1.":  {"seed": No, "reseed": Unknown, "state-gap": Unknown, "copies-copied": Yes},
	"6.12.": {"seed": Yes},
	"7.":    {"seed": Yes, "reseed": No, "state-gap": No, "duplicate-refused": No, "copies-copied": No},
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
	require.Len(t, first.Answers, len(questions))
	require.Equal(t, Yes, first.Knows("in-order"))
	require.Equal(t, Yes, first.Knows("loss-models"))
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

func TestAReportIsKept(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	r := &Report{Schema: Schema, Release: "6", Answers: []Answer{{"seed", Yes}}, Trains: []Train{{"delay", "0@1"}}}
	r.seal()
	require.NoError(t, Save(dir, r))
	got, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, r, got)
	other := *r
	other.Trains = []Train{{"delay", "0@2"}}
	other.seal()
	require.NotEqual(t, r.Fingerprint, other.Fingerprint)
	other.Schema++
	require.NoError(t, Save(dir, &other))
	_, err = Load(dir)
	require.ErrorContains(t, err, "schema")
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

func TestWhatAKernelCannotDoIsSaidBefore(t *testing.T) {
	s := &scenario.Scenario{Faults: []scenario.Fault{{Name: "late", Do: scenario.Action{Delay: 2, Jitter: 1, InOrder: true}}, {Name: "loss", Do: scenario.Action{Loss: &scenario.Loss{}}}}}
	r := &Report{Release: "3.2.0", Answers: []Answer{{"in-order", Yes}, {"loss-models", Yes}, {"seed", No}}}
	require.NoError(t, r.Check(s))
	r.Answers[1].Answer = No
	err := r.Check(s)
	require.EqualError(t, err, "fault loss: kernel 3.2.0 cannot do it: it is not so that the models gemodel and state lose packets as they are said to")
	require.Equal(t, problem.Machine, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
	r.Answers = nil
	require.ErrorContains(t, r.Check(s), "fault late")
}
