package kernel

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ordered versions, oldest first.
var ordered = []string{
	"5.10.223-1", "6.1~rc3-1~exp1", "6.1-1", "6.1.27-1", "6.1.27-1+b1", "6.1.192-1", "6.1.192-2~deb11u1", "6.1.192-2",
	"6.8.0-45.45", "6.12.117-1~bpo12+1", "6.12.117-1~deb12u1", "6.12.117-1", "6.12.117a-1", "6.12.117+deb12-1",
	"7.2.13-1", "1:1.0-1",
}

func TestCompareVersions(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			require.Equal(t, sign(i-j), sign(compareVersions(a, b)), "%s and %s", a, b)
		}
	}
	require.Zero(t, compareVersions("6.01-1", "6.1-1"))
	require.Zero(t, compareVersions("0:6.1-1", "6.1-1"))
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestCompareVersionsAsDpkgDoes(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("no dpkg here to compare with")
	}
	for i := 1; i < len(ordered); i++ {
		require.NoError(t, exec.Command(dpkg, "--compare-versions", ordered[i-1], "lt", ordered[i]).Run(), "%s lt %s",
			ordered[i-1], ordered[i])
	}
}

func FuzzCompareVersions(f *testing.F) {
	for i, v := range ordered {
		f.Add(v, ordered[(i+1)%len(ordered)], ordered[(i+5)%len(ordered)])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		require.Equal(t, sign(compareVersions(a, b)), -sign(compareVersions(b, a)))
		require.Zero(t, compareVersions(a, a))
		s := []string{a, b, c}
		slices.SortFunc(s, compareVersions)
		require.LessOrEqual(t, compareVersions(s[0], s[2]), 0, "not transitive: %q", s)
	})
}

func TestFlavourOf(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-56-cloud-amd64":            "cloud",
		"6.1.0-56-amd64":                  "generic",
		"6.1.0-56-rt-amd64":               "rt",
		"6.12.117+deb12-cloud-amd64":      "cloud",
		"6.1.0-0.deb11.7-cloud-amd64":     "cloud",
		"7.2.13+deb14-amd64":              "generic",
		"6.8.0-45-generic":                "generic",
		"5.15.0-1050-kvm":                 "kvm",
		"6.6.1":                           "generic",
		"6.6.1-mine-with-debug":           "mine-with-debug",
		"6.11.0-1-lowlatency-hwe-amd64v3": "lowlatency-hwe-amd64v3",
	} {
		require.Equal(t, want, flavourOf(release), release)
	}
}

func TestHasPrefixEndsAtABoundary(t *testing.T) {
	for _, c := range []struct {
		name, prefix string
		want         bool
	}{
		{"6.1.0-56-amd64", "6.1", true},
		{"6.12.117", "6.1", false},
		{"6.1.0-56-amd64", "6.1.0-5", false},
		{"6.1.0-56-amd64", "6.1.0-56", true},
		{"6.1.0-56-amd64", "6.1.0-56-amd64", true},
		{"6.1.0-56-amd64", "", false},
		{"6.1.0-56-amd64", "5", false},
	} {
		t.Run(fmt.Sprintf("%s of %s", c.prefix, c.name), func(t *testing.T) {
			require.Equal(t, c.want, hasPrefix(c.name, c.prefix))
		})
	}
}

func TestPartOf(t *testing.T) {
	for name, want := range map[string][2]string{
		"linux-image-6.1.0-56-cloud-amd64":           {"image", "6.1.0-56-cloud-amd64"},
		"linux-image-6.1.0-56-cloud-amd64-unsigned":  {"image", "6.1.0-56-cloud-amd64"},
		"linux-image-unsigned-6.8.0-45-generic":      {"image-unsigned", "6.8.0-45-generic"},
		"linux-modules-extra-6.8.0-45-generic":       {"modules-extra", "6.8.0-45-generic"},
		"linux-binary-7.2.13+deb14-cloud-amd64":      {"binary", "7.2.13+deb14-cloud-amd64"},
		"linux-image-6.1.0-56-cloud-amd64-dbg":       {"", ""},
		"linux-image-cloud-amd64":                    {"", ""},
		"linux-image-amd64-signed-template":          {"", ""},
		"linux-headers-6.1.0-56-cloud-amd64":         {"", ""},
		"linux-image-6.1.0-56-cloud-amd64; rm -rf /": {"", ""},
	} {
		kind, release := partOf(name)
		require.Equal(t, want, [2]string{kind, release}, name)
	}
}
