package middlebox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is no number is an error, and not 0: a table that nobody could read would have had nothing to forget.
func TestNumbers(t *testing.T) {
	n, err := number(count, []byte("12\n"))
	require.NoError(t, err)
	require.EqualValues(t, 12, n)
	for _, text := range []string{"", "\n", "x", "1 2"} {
		_, err := number(count, []byte(text))
		require.ErrorContains(t, err, "read net.netfilter.nf_conntrack_count: ", text)
	}
}
