package quantity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

func TestNounsGoWithTheirNumber(t *testing.T) {
	for _, c := range []struct {
		n    int64
		noun string
		want string
	}{
		{0, "fault", "0 faults"},
		{1, "fault", "1 fault"},
		{2, "copy", "2 copies"},
		{2, "delay", "2 delays"},
		{3, "address", "3 addresses"},
		{1, "copy", "1 copy"},
		{1200, "request", "1,200 requests"},
	} {
		require.Equal(t, c.want, quantity.Plural(c.n, c.noun))
	}
}

func TestOrdinals(t *testing.T) {
	for n, want := range map[int64]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th",
		21: "21st", 102: "102nd", 111: "111th", 1003: "1,003rd"} {
		require.Equal(t, want, quantity.Ordinal(n))
	}
}

func TestLists(t *testing.T) {
	require.Equal(t, "", quantity.List(nil))
	require.Equal(t, "a", quantity.List([]string{"a"}))
	require.Equal(t, "a and b", quantity.List([]string{"a", "b"}))
	require.Equal(t, "a, b and c", quantity.List([]string{"a", "b", "c"}))
}
