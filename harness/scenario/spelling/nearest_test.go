package spelling_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

func TestNearest(t *testing.T) {
	keys := []string{"between", "delay", "mtu", "queue", "rate"}
	for _, c := range []struct{ what, name, want string }{
		{"a letter left out", "dely", "delay"},
		{"two letters swapped", "dealy", "delay"},
		{"a letter too many", "ratee", "rate"},
		{"another case", "MTU", "mtu"},
		{"nothing like it", "keepalive", ""},
		{"empty", "", ""},
		{"one letter", "r", ""},
		{"a short name with one edit", "mut", "mtu"},
	} {
		t.Run(c.what, func(t *testing.T) { require.Equal(t, c.want, spelling.Nearest(c.name, keys)) })
	}
}

func TestNearestPrefersTheClosest(t *testing.T) {
	require.Equal(t, "duplicate", spelling.Nearest("duplicat", []string{"duplicity", "duplicate"}))
}

func TestDistanceIsSymmetricAndZeroForEqualNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringN(0, 12, -1).Draw(t, "a"), rapid.StringN(0, 12, -1).Draw(t, "b")
		require.Zero(t, spelling.Distance(a, a))
		require.Equal(t, spelling.Distance(a, b), spelling.Distance(b, a))
		require.LessOrEqual(t, spelling.Distance(a, b), max(len([]rune(a)), len([]rune(b))))
		if string([]rune(a)) != string([]rune(b)) {
			require.Positive(t, spelling.Distance(a, b))
		}
	})
}
