package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/archive"
)

func TestIsProfile(t *testing.T) {
	for text, want := range map[string]bool{
		"version: 1\nname: a\nsysctls: {}\n":               true,
		"version: 1\nname: a\nset: {a: b}\n":               true,
		"version: 1\nname: a\nkernel: \"6.1\"\n":           true,
		"version: 1\nname: a\nsysctls: {\n":                true, // broken further down
		"version: 1\nname: a\nnodes: {}\n":                 false,
		"version: 1\nname: a\nset: {}\nhypotheses: []\n":   false, // a campaign sets, too
		"version: 1\nname: a\nset: {}\nscenario: a.yaml\n": false,
		"version: 1\nname: a\n":                            false,
		"nodes:\n  a: {sysctls: {net.ipv4.tcp_sack: 1}}\n": false,
		"": false,
	} {
		require.Equal(t, want, IsProfile([]byte(text)), text)
	}
}

func TestLoadProfile(t *testing.T) {
	load := func(text string) (*Profile, error) {
		path := filepath.Join(t.TempDir(), "p.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return LoadProfile(path)
	}
	p, err := load("version: 1\nname: no-sack\nset: {duration: 5s}\nsysctls: {net.ipv4.tcp_sack: 0}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"duration=5s", "nodes.web.sysctls.net.ipv4.tcp_sack=0"}, p.Settings([]string{"web"}))
	for text, want := range map[string]string{
		"version: 2\nname: a\n":             "p.yaml:1:10: version 2 of the format is unknown",
		"version: 1\nname: a\nsysctl: {}\n": "did you mean \"sysctls\"?",
		"version: 1\nname: a\nsysctls: {vm.swappiness: 1}\n": "p.yaml:3:11: \"vm.swappiness\" is not a " +
			"sysctl of a network namespace",
		"version: 1\nname: a\nsysctls: {net.ipv4..x: 1}\n":   "is not the name of a sysctl",
		"version: 1\nname: a\nsysctls: {net.ipv4.x: true}\n": "the kernel wants 1 or 0",
		"version: 1\nname: a\nset: {nodes: [a]}\n":           "p.yaml:3:14: ",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want)
		require.Equal(t, problem.Usage, problem.KindOf(err))
		require.Contains(t, err.Error(), "^", text)
	}
}

// A sweep may have several images of one name: of other packages in other arms.
func TestImagesAreSettings(t *testing.T) {
	hash := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	a := Images(archive.Software{Images: map[string]string{"site 12ab": hash("1"), "site 34cd": hash("2"),
		"data 00": hash("3"), "data 01": hash("3")}})
	b := Images(archive.Software{Images: map[string]string{"site 12ab": hash("4"), "data 00": hash("3")}})
	require.Equal(t, []Setting{{"image site", "111111111111, 222222222222", "444444444444"}}, Settings(a, b))
	require.Equal(t, []Setting{{"image data", "333333333333", ""}, {"image site", "444444444444", ""}},
		Settings(b, Images(archive.Software{})))
}
