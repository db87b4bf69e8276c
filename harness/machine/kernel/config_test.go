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

func TestChangesOfConfigurations(t *testing.T) {
	a := parseConfig([]byte("CONFIG_HZ=250\nCONFIG_VETH=m\nCONFIG_PSI=y\n# CONFIG_NET_NS is not set\nCONFIG_CC=\"gcc 12\"\n"))
	b := parseConfig([]byte("CONFIG_HZ=1000\nCONFIG_VETH=m\nCONFIG_NET_NS=y\nCONFIG_CC=\"gcc 14\"\n# CONFIG_X is not set\n"))
	require.Equal(t, []Change{
		{"CONFIG_CC", `"gcc 12"`, `"gcc 14"`}, {"CONFIG_HZ", "250", "1000"}, {"CONFIG_NET_NS", "", "y"},
		{"CONFIG_PSI", "y", ""},
	}, a.Changes(b))
	require.Empty(t, a.Changes(a))
}
