package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourcesInLines(t *testing.T) {
	list := parseLines("f", `# deb http://a.test/debian bookworm main
deb http://a.test/debian bookworm main contrib # and no more

deb-src http://a.test/debian bookworm main
deb [ arch=amd64,i386 signed-by=/k.gpg lang+=de trusted=yes ] https://b.test/x bookworm-security main
deb	[Check-Valid-Until=no]	https://c.test/x	./
deb cdrom:[Debian 12]/ bookworm main
deb https://d.test/x bookworm
debx https://d.test/x bookworm main
deb [signed-by=/k.gpg https://d.test/x bookworm main
`)
	require.Equal(t, []source{
		{place: "f:2", uris: []string{"http://a.test/debian"}, suites: []string{"bookworm"}, components: []string{"main", "contrib"}},
		{place: "f:5", uris: []string{"https://b.test/x"}, suites: []string{"bookworm-security"}, components: []string{"main"},
			options: []string{"signed-by: /k.gpg", "trusted: yes"}},
		{place: "f:7", uris: []string{"cdrom:[Debian"}, suites: []string{"12]/"}, components: []string{"bookworm", "main"}},
	}, list, "what lacks a component or a bracket is not for us")
}

func TestSourcesInParagraphs(t *testing.T) {
	list := parseParagraphs("f", `

# the first
Types: deb deb-src
URIs: http://a.test/debian
  http://b.test/debian
# in between
suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJKwYBBAHaRw8BAQdA
 -----END PGP PUBLIC KEY BLOCK-----
Architectures: amd64
 arm64

Types: deb-src
URIs: http://a.test/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://a.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://a.test/debian
Suites: ./

Types: deb
URIs: http://c.test/debian
Suites: trixie
Components: main non-free
Check-Valid-Until: no`)
	require.Equal(t, []source{
		{place: "f:4", uris: []string{"http://a.test/debian", "http://b.test/debian"},
			suites: []string{"bookworm", "bookworm-updates"}, components: []string{"main"},
			options: []string{"Signed-By:", " -----BEGIN PGP PUBLIC KEY BLOCK-----", " .", " mDMEY865UxYJKwYBBAHaRw8BAQdA",
				" -----END PGP PUBLIC KEY BLOCK-----"}},
		{place: "f:33", uris: []string{"http://c.test/debian"}, suites: []string{"trixie"}, components: []string{"main", "non-free"},
			options: []string{"Check-Valid-Until: no"}},
	}, list)
}

func TestRenderedSource(t *testing.T) {
	s := source{uris: []string{"http://a.test/debian", "http://b.test"}, suites: []string{"bookworm"},
		components: []string{"contrib", "main"}, options: []string{"signed-by: /k.gpg"}}
	require.Equal(t, `Types: deb
URIs: http://a.test/debian http://b.test
Suites: sid
Components: main
Architectures: amd64
Targets: Packages
signed-by: /k.gpg
`, s.render("sid"))
	again := parseParagraphs("f", s.render("sid"))
	require.Len(t, again, 1)
	require.Equal(t, s.uris, again[0].uris)
	require.Equal(t, s.options, again[0].options)
	s.components = []string{"kernels", "more"}
	require.Contains(t, s.render("sid"), "Components: kernels more\n", "who has no main has the kernel elsewhere")
}

func TestSiblings(t *testing.T) {
	list := []source{
		{place: "vendor", uris: []string{"https://v.test"}, suites: []string{"stable-nightly"}},
		{place: "else", uris: []string{"https://e.test"}, suites: []string{"nodistro"}},
		{place: "disc", uris: []string{"cdrom:x"}, suites: []string{"bookworm"}},
		{place: "flat", uris: []string{"https://f.test"}, suites: []string{"./"}},
		{place: "security", uris: []string{"https://s.test"}, suites: []string{"bookworm-security"}},
		{place: "main", uris: []string{"https://m.test"}, suites: []string{"bookworm", "bookworm-updates"}},
		{place: "class", uris: []string{"https://c.test"}, suites: []string{"unstable"}},
	}
	for suite, want := range map[string][]string{
		"bullseye-security":  {"security", "main", "class"},
		"bullseye":           {"main", "class"},
		"sid":                {"main", "class"},
		"bullseye-updates":   {"main", "class"},
		"bookworm-backports": {"main", "class"},
		"trixie-nightly":     {"vendor", "main", "class"},
	} {
		var places []string
		for _, s := range siblings(list, suite, []string{"bookworm"}) {
			places = append(places, s.place)
		}
		require.Equal(t, want, places, suite)
	}
	require.Empty(t, siblings(list[1:4], "sid", []string{"bookworm"}))
}

func TestSuiteNames(t *testing.T) {
	for _, name := range []string{"sid", "bullseye-security", "buster/updates", "trixie-backports-sloppy", "7.0"} {
		require.Regexp(t, suiteName, name)
	}
	for _, name := range []string{"", "./", "x/", "a b", "a\nTrusted: yes", "../x", "a//b", "-x", "$(ARCH)"} {
		require.NotRegexp(t, suiteName, name)
	}
}

// FuzzSources looks for input that makes what apt gets to read something else than one source.
func FuzzSources(f *testing.F) {
	f.Add("deb [signed-by=/k trusted=yes] http://a.test sid main # x\n")
	f.Add("Types: deb\nURIs: http://a.test\nSuites: sid\nComponents: main\nSigned-By:\n" +
		" -----BEGIN\n .\n x\n\nTypes: deb\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range append(parseLines("f", text), parseParagraphs("f", text)...) {
			again := parseParagraphs("f", s.render("trixie-backports"))
			require.Len(t, again, 1)
			require.Equal(t, []string{"trixie-backports"}, again[0].suites)
			require.Equal(t, s.uris, again[0].uris)
		}
	})
}
