package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
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

// A name that looks like a slip may be one that a kernel has which is newer than the list.
func TestSysctlsOfKernelsToCome(t *testing.T) {
	const text = "version: 1\nname: x\nduration: 1s\nnodes: {web: {sysctls: {net.ipv4.tcp_retries3: 4}}}\n"
	_, err := Parse("x.yaml", []byte(text), nil)
	require.ErrorContains(t, err, `x.yaml:4:25: unknown sysctl "net.ipv4.tcp_retries3"`)
	require.ErrorContains(t, err, `hint: did you mean "net.ipv4.tcp_retries`)
	_, err = Parse("x.yaml", []byte(text), []string{"since=6.1"})
	require.ErrorContains(t, err, "unknown sysctl")
	_, err = Parse("x.yaml", []byte(text), []string{"since=99.1"})
	require.NoError(t, err)
}

func TestLocate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	require.NoError(t, os.WriteFile(file,
		[]byte("version: 1\nname: x\nduration: 1s\nnodes:\n  web:\n    sysctls: {net.ipv4.tcp_news: 1}\n"), 0o644))
	found := &problem.Error{Kind: problem.Usage, Err: errors.New("node web: no such setting"), Hint: "a hint",
		Place: "nodes.web.sysctls.net.ipv4.tcp_news"}
	f, err := Open(file)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file), "it was read")
	err = f.Locate(found, nil)
	require.EqualError(t, err, file+":6:15: node web: no such setting\n    6 |     sysctls: {net.ipv4.tcp_news: 1}\n"+
		"      |               ^^^^^^^^^^^^^^^^^\n   hint: a hint")
	require.Equal(t, problem.Usage, problem.KindOf(err))

	found.Place = "nodes.web.sysctls.net.ipv4.tcp_older"
	err = f.Locate(found, []string{"nodes.web.sysctls.net.ipv4.tcp_older=1"})
	require.ErrorContains(t, err, "--set nodes.web.sysctls.net.ipv4.tcp_older=1: node web: no such setting\n")

	other := errors.New("another one")
	require.Equal(t, other, f.Locate(other, nil))
}
