package scenario

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fault's link is the same whichever end is named first; which end of a link comes first decides over addresses and
// is another scenario.
func TestTheEndsOfAFaultsLinkHaveNoOrder(t *testing.T) {
	parse := func(between, link string) *Scenario {
		s, err := Parse("x.yaml", fmt.Appendf(nil, `
version: 1
name: x
duration: 1s
nodes: {a: {}, b: {}, c: {}}
links: [{between: [b, c]}, {between: %s}]
faults: [{name: f, link: %s, from: a, do: drop}, {name: g, link: [c, b], do: drop}]
`, between, link), nil)
		require.NoError(t, err)
		return s
	}
	one, other := parse("[a, b]", "[a, b]"), parse("[a, b]", "[b, a]")
	require.Equal(t, one.Hash(), other.Hash())
	require.Equal(t, [2]string{"a", "b"}, other.Faults[0].Link)
	require.Equal(t, [2]string{"b", "c"}, other.Faults[1].Link)
	text, err := other.Canonical()
	require.NoError(t, err)
	back, err := FromCanonical(text)
	require.NoError(t, err)
	require.Equal(t, one.Hash(), back.Hash())

	require.NotEqual(t, one.Hash(), parse("[b, a]", "[a, b]").Hash())
	require.Equal(t, parse("[b, a]", "[a, b]").Hash(), parse("[b, a]", "[b, a]").Hash())
}
