package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnfit(t *testing.T) {
	for _, c := range []struct {
		since, until, release, want string
	}{
		{"", "", "2.6.32", ""},
		{"6.5", "", "5.10.0-46-cloud-amd64", "it has a meaning since Linux 6.5"},
		{"6.5", "", "6.1.0-48-cloud-amd64", "it has a meaning since Linux 6.5"},
		{"6.5", "", "6.4.16", "it has a meaning since Linux 6.5"},
		{"6.5", "", "6.5.0", ""},
		{"6.5", "", "6.12.95+deb12-cloud-amd64", ""},
		{"6.10", "", "6.5.0", "it has a meaning since Linux 6.10"},
		{"6.5", "", "7.2-rc1", ""},
		{"", "6.16", "6.16.12-amd64", ""},
		{"", "6.16", "6.17.0-amd64", "it has a meaning until Linux 6.16"},
		{"5.10", "6.16", "7.2.13+deb14-amd64", "it has a meaning until Linux 6.16"},
	} {
		s := Scenario{Since: c.since, Until: c.until}
		require.Equal(t, c.want, s.Unfit(c.release), "%s to %s on %s", c.since, c.until, c.release)
	}
}

func TestSourceIsNotPartOfTheHash(t *testing.T) {
	want := parse(t, small).Hash()
	require.Equal(t, want, parse(t, small, "source=RFC 5681").Hash())
	require.NotEqual(t, want, parse(t, small, "since=6.5").Hash())
	require.NotEqual(t, want, parse(t, small, "until=6.5").Hash())
}

func TestHowARequestIsWrittenIsPartOfTheHash(t *testing.T) {
	want := parse(t, small).Hash()
	require.Equal(t, want, parse(t, small, "load[0].http.nodelay=false").Hash())
	for _, set := range []string{"load[0].http.writes=2", "load[0].http.nodelay=true"} {
		require.NotEqual(t, want, parse(t, small, set).Hash(), set)
	}
}
