package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(testConfig))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := parseConfig(text)
		// What the hash covers does not depend on order and comments.
		require.Equal(t, c.hash(), parseConfig(append([]byte("# comment\n"), text...)).hash())
	})
}
