package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOld(t *testing.T) {
	for _, c := range []struct {
		since, release string
		old            bool
	}{
		{"", "2.6.32", false},
		{"6.5", "5.10.0-46-cloud-amd64", true},
		{"6.5", "6.1.0-48-cloud-amd64", true},
		{"6.5", "6.4.16", true},
		{"6.5", "6.5.0", false},
		{"6.5", "6.12.95+deb12-cloud-amd64", false},
		{"6.10", "6.5.0", true},
		{"6.5", "7.2-rc1", false},
	} {
		s := Scenario{Since: c.since}
		require.Equal(t, c.old, s.Old(c.release), "%s on %s", c.since, c.release)
	}
}

func TestSourceIsNotPartOfTheHash(t *testing.T) {
	want := parse(t, small).Hash()
	require.Equal(t, want, parse(t, small, "source=RFC 5681").Hash())
	require.NotEqual(t, want, parse(t, small, "since=6.5").Hash())
}

func TestHowARequestIsWrittenIsPartOfTheHash(t *testing.T) {
	want := parse(t, small).Hash()
	require.Equal(t, want, parse(t, small, "load[0].http.nodelay=false").Hash())
	for _, set := range []string{"load[0].http.writes=2", "load[0].http.nodelay=true"} {
		require.NotEqual(t, want, parse(t, small, set).Hash(), set)
	}
}
