package probe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The file as Linux 6.1 writes it on two CPUs: entries are the same in both lines, and the rest is counted for each.
const conntrackText = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
0000001f  00000001 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000003 0000000a 00000000 00000000  00000000 00000000 00000000 00000000
0000001f  00000000 00000000 00000000 00000010 00000000 00000000 00000000 00000000 00000000 00000005 00000007 00000000  00000000 00000000 00000000 00000000
`

func TestConntrackColumns(t *testing.T) {
	for column, want := range map[string]int64{
		"clashres": 1, "invalid": 18, "insert_failed": 3, "drop": 15, "early_drop": 7,
	} {
		got, err := conntrackColumn([]byte(conntrackText), column)
		require.NoError(t, err)
		require.Equal(t, want, got, column)
	}
	_, err := conntrackColumn([]byte(conntrackText), "searched")
	require.EqualError(t, err, "parse /proc/net/stat/nf_conntrack: no column searched")
	_, err = conntrackColumn([]byte("entries drop\n0000001f\n"), "drop")
	require.EqualError(t, err, "parse /proc/net/stat/nf_conntrack: a line of 1 columns")
}
