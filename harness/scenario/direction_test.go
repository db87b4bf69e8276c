package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// links parses a scenario with one link.
func linkOf(t *testing.T, text string) *Link {
	t.Helper()
	s, err := Parse("x.yaml",
		[]byte("version: 1\nname: x\nduration: 1s\nnodes: {home: , web: }\nlinks:\n  - "+text+"\n"), nil)
	require.NoError(t, err)
	canonical, err := s.Canonical()
	require.NoError(t, err)
	again, err := FromCanonical(canonical)
	require.NoError(t, err)
	require.Equal(t, s.Hash(), again.Hash())
	return &again.Links[0]
}

func TestDirectionsOfALink(t *testing.T) {
	l := linkOf(t, "{between: [home, web], delay: 10ms, rate: 1mbit, queue: 20, "+
		"back: {delay: 30ms, rate: 8mbit, queue: 200}}")
	up, down := l.Direction(0), l.Direction(1)
	require.Equal(t, []any{Duration(10e6), Rate(1e6), 20}, []any{up.Delay, up.Rate, up.Queue})
	require.Equal(t, []any{Duration(30e6), Rate(8e6), 200}, []any{down.Delay, down.Rate, down.Queue})
	require.Nil(t, up.Back)
	require.Nil(t, down.Back)

	l = linkOf(t, "{between: [home, web], delay: 10ms, rate: 1mbit, queue: 20, back: {delay: 0s}}")
	down = l.Direction(1)
	require.Equal(t, []any{Duration(0), Rate(1e6), 20}, []any{down.Delay, down.Rate, down.Queue},
		"what back does not say is as in the other direction")
}

// A profile stands in for what the link does not state, and the canonical form has its figures.
func TestProfiles(t *testing.T) {
	figures := func(text string) []any {
		l := linkOf(t, text)
		up, down := l.Direction(0), l.Direction(1)
		require.Equal(t, up.Delay, down.Delay)
		return []any{up.Delay, up.Rate, down.Rate}
	}
	for text, want := range map[string][]any{
		"profile: dsl":                              {Duration(25e6), Rate(384e3), Rate(1500e3)},
		"profile: lte":                              {Duration(35e6), Rate(12e6), Rate(12e6)},
		"profile: geo":                              {Duration(279e6), Rate(0), Rate(0)},
		"profile: dsl, delay: 0s":                   {Duration(0), Rate(384e3), Rate(1500e3)},
		"profile: dsl, rate: 2mbit":                 {Duration(25e6), Rate(2e6), Rate(2e6)},
		"profile: cable, back: {rate: 50mbit}":      {Duration(14e6), Rate(1e6), Rate(50e6)},
		"profile: rack, back: {queue: 64}":          {Duration(50e3), Rate(1e9), Rate(1e9)},
		"profile: dsl, queue: 9, back: {queue: 64}": {Duration(25e6), Rate(384e3), Rate(1500e3)},
	} {
		require.Equal(t, want, figures("{between: [home, web], "+text+"}"), text)
	}
}

// Every profile that the format knows has figures, and the other way round.
func TestEveryProfileHasFigures(t *testing.T) {
	for p := range profiles {
		linkOf(t, "{between: [home, web], profile: "+string(p)+"}")
	}
	for _, p := range []Profile{DSL, Cable, Fiber, LTE, ThreeG, FiveG, GEO, LEO, Intercontinental, Datacenter, Rack} {
		require.Positive(t, profiles[p].delay, p)
	}
	require.Len(t, profiles, 11)
}
