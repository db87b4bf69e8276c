package kernel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/apt/apttest"
)

// newDistribution serves a distribution of which the machine's sources name the suite stable, and whose
// signature they demand.
func newDistribution(t *testing.T) (*apttest.Repository, *signer) {
	r, s := apttest.NewServer(t), newSigner(t)
	suite(t, r, s, "stable", aptKernel("6.1.0-56-cloud-amd64", "6.1.192-2"),
		meta("linux-image-cloud-amd64", "6.1.192-2", "linux-image-6.1.0-56-cloud-amd64"))
	suite(t, r, s, "sid", aptKernel("7.2.13+deb14-cloud-amd64", "7.2.13-1"),
		aptKernel("7.2.9+deb14-cloud-amd64", "7.2.9-1"),
		meta("linux-image-cloud-amd64", "7.2.13-1", "linux-image-7.2.13+deb14-cloud-amd64"))
	r.Sources(t, fmt.Sprintf("deb [signed-by=%s] %s stable main\n", s.key, r.URL))
	return r, s
}

// suite publishes packages in a suite; what was in it is gone.
func suite(t *testing.T, r *apttest.Repository, s *signer, name string, packages ...pkg) {
	const list = "main/binary-amd64/Packages"
	dir := filepath.Join(r.Root, "dists", name)
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, list)), 0o755))
	index := r.Index(t, served(packages)...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, list), index, 0o644))
	release := fmt.Sprintf("Origin: Debian\nSuite: %s\nCodename: %[1]s\nDate: %s\nArchitectures: amd64\n"+
		"Components: main\nSHA256:\n %x %d %s\n",
		name, time.Now().UTC().Format(time.RFC1123), sha256.Sum256(index), len(index), list)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "InRelease"), s.sign(t, release), 0o644))
}

// signer is an archive's key.
type signer struct {
	home string
	key  string // file of the public half
}

func newSigner(t *testing.T) *signer {
	for _, tool := range []string{"gpg", "gpgconf"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "a test archive cannot be signed: bin/ruleout setup --tests installs %s, or says how", tool)
	}
	// The agent's socket is in it, and the path of a socket must be short.
	home, err := os.MkdirTemp("", "gpg")
	require.NoError(t, err)
	s := &signer{home: home, key: filepath.Join(home, "archive.gpg")}
	t.Cleanup(func() {
		require.NoError(t, exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run())
		require.NoError(t, os.RemoveAll(home))
	})
	s.gpg(t, "", "--passphrase", "", "--quick-generate-key", "archive", "ed25519", "sign", "never")
	require.NoError(t, os.WriteFile(s.key, s.gpg(t, "", "--export"), 0o644))
	return s
}

func (s *signer) gpg(t *testing.T, in string, args ...string) []byte {
	cmd := exec.Command("gpg", append([]string{"--homedir", s.home, "--batch", "--quiet"}, args...)...)
	var out, msg bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(in), &out, &msg
	require.NoError(t, cmd.Run(), msg.String())
	return out.Bytes()
}

func (s *signer) sign(t *testing.T, text string) []byte { return s.gpg(t, text, "--clearsign") }

// files are all below dir.
func files(t *testing.T, dir string) (list []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	}))
	return list
}

func TestPullFromAnotherSuite(t *testing.T) {
	r, _ := newDistribution(t)
	r.Update(t)
	// What a machine may be set up to, and what must not reach the other suite.
	hook := filepath.Join(r.Work, "hook")
	for _, name := range []string{"Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"} {
		r.Configure(t, fmt.Sprintf("APT::Update::%s { \"touch %s\"; };\n", name, hook))
	}
	r.Configure(t, "APT::Default-Release \"stable\";\nDir::Cache::archives \"/nowhere\";\n")
	require.NoError(t, os.WriteFile(filepath.Join(r.Work, "etc", "preferences"),
		[]byte("Package: *\nPin: release n=sid\nPin-Priority: -1\n"), 0o644))
	r.Configure(t, fmt.Sprintf("Dir::Etc::preferences %q;\n", filepath.Join(r.Work, "etc", "preferences")))
	before := files(t, r.Work)

	s := newStore(t)
	for _, c := range []struct{ suite, pattern, want string }{
		{"sid", "7", "7.2.13+deb14-cloud-amd64"},
		{"sid", "7.2.9", "7.2.9+deb14-cloud-amd64"},
		{"sid", "", "7.2.13+deb14-cloud-amd64"},
		{"stable", "linux-image-6.1.0-56-cloud-amd64", "6.1.0-56-cloud-amd64"},
	} {
		t.Run(c.suite+" "+c.pattern, func(t *testing.T) {
			k, err := s.PullFrom(context.Background(), c.suite, c.pattern, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, k.Name)
		})
	}
	k, err := s.Default()
	require.NoError(t, err)
	require.Equal(t, "6.1.0-56-cloud-amd64", k.Name, "another suite's kernel is not for runs that name none")
	require.NoFileExists(t, hook)
	require.Equal(t, before, files(t, r.Work), "the machine's apt")
	entries, err := os.ReadDir(s.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 4, "three kernels and the lock")

	_, err = s.Pull(context.Background(), "7", nil)
	require.ErrorContains(t, err, "apt has no such kernel, but 6.1")
	require.Contains(t, problem.HintOf(err), "ruleout kernel pull 7 --suite SUITE")
}

func TestPullFromASuiteThatIsNotHere(t *testing.T) {
	r, signer := newDistribution(t)
	for _, c := range []struct {
		name, sources, suite, pattern string
		says, hint                    string
		kind                          problem.Kind
	}{
		{"no such suite", "", "sidd", "7", "there is no suite sidd where " + r.Work + "/sources.list:1 points to", "kernel add FILES", problem.Usage},
		{"no such kernel", "", "sid", "6.18", "apt has no such kernel in sid, but 7.2", "docs/guides/kernels.md", problem.Usage},
		{"no such package", "", "sid", "linux-image-7.2.13+deb14-cluod-amd64",
			"apt has no package linux-image-7.2.13+deb14-cluod-amd64 in sid; did you mean linux-image-7.2.13+deb14-cloud-amd64?",
			"docs/guides/kernels.md", problem.Usage},
		{"not a name", "", "sid main", "7", `"sid main" is no name of a suite`, "bookworm-backports", problem.Usage},
		{"no sources", "# nothing\n", "sid", "7", "no line of the distribution", "kernel add FILES", problem.Machine},
		{"only somebody else's", "deb " + r.URL + " nodistro main\n", "sid", "7", "no line of the distribution", "kernel add FILES", problem.Machine},
		{"no network", "deb http://127.0.0.1:1/ stable main\n", "sid", "7", "127.0.0.1", "check the network", problem.Machine},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.sources == "" {
				c.sources = fmt.Sprintf("deb [signed-by=%s] %s stable main\n", signer.key, r.URL)
			}
			r.Sources(t, c.sources)
			s := newStore(t)
			_, err := s.PullFrom(context.Background(), c.suite, c.pattern, nil)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
			require.Contains(t, problem.HintOf(err), c.hint, "%v", err)
			require.Equal(t, c.kind, problem.KindOf(err))
			requireEmpty(t, s)
		})
	}
}

func TestPullFromWhereTheSuiteIs(t *testing.T) {
	r, s := newDistribution(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	r.Sources(t, fmt.Sprintf("deb [signed-by=%[1]s] %[2]s stable main\ndeb [signed-by=%[1]s] %[3]s stable main\n",
		s.key, other.URL, r.URL))
	k, err := newStore(t).PullFrom(context.Background(), "sid", "7", nil)
	require.NoError(t, err, "the second line has it")
	require.Equal(t, "7.2.13+deb14-cloud-amd64", k.Name)
}

func TestPullFromTrustsWhomTheMachineTrusts(t *testing.T) {
	damage := func(path string) func(*testing.T, *apttest.Repository) {
		return func(t *testing.T, r *apttest.Repository) {
			file := filepath.Join(r.Root, path)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, flip(data, len(data)/2), 0o644))
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *apttest.Repository)
		hint   string
	}{
		{"another key", func(t *testing.T, r *apttest.Repository) {
			suite(t, r, newSigner(t), "sid", aptKernel("7.2.13+deb14-cloud-amd64", "7.2.13-1"))
		}, "the key may be in a newer package of the distribution's keyring"},
		{"no signature", func(t *testing.T, r *apttest.Repository) {
			dir := filepath.Join(r.Root, "dists", "sid")
			require.NoError(t, os.Rename(filepath.Join(dir, "InRelease"), filepath.Join(dir, "Release")))
		}, "does not trust sid here"},
		{"another list", damage("dists/sid/main/binary-amd64/Packages"), ""},
		{"another package", damage("linux-image-7.2.13+deb14-cloud-amd64_7.2.13-1_amd64.deb"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := newDistribution(t)
			c.change(t, r)
			s := newStore(t)
			_, err := s.PullFrom(context.Background(), "sid", "7", nil)
			require.Error(t, err)
			require.Contains(t, problem.HintOf(err), c.hint, "%v", err)
			require.Equal(t, problem.Machine, problem.KindOf(err), "%v", err)
			requireEmpty(t, s)
		})
	}
}

func TestPullFromWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := newStore(t).PullFrom(context.Background(), "sid", "7", nil)
	require.ErrorContains(t, err, "no apt-get on this machine")
	require.Equal(t, problem.Machine, problem.KindOf(err))
}

func TestSourcesOfTheMachine(t *testing.T) {
	r := apttest.NewServer(t)
	r.Sources(t, "deb http://1.test stable main\n")
	parts := filepath.Join(r.Work, "parts")
	require.NoError(t, os.Mkdir(parts, 0o755))
	for name, text := range map[string]string{
		"b.list":         "deb http://3.test stable main\n",
		"a.sources":      "Types: deb\nURIs: http://2.test\nSuites: stable\nComponents: main\n",
		"c.list.old":     "deb http://4.test stable main\n",
		"d e.list":       "deb http://5.test stable main\n",
		"not.sources.gz": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(parts, name), []byte(text), 0o644))
	}
	uris := func() (uris []string) {
		a, err := findApt("apt-config")
		require.NoError(t, err)
		list, err := a.sources(t.Context())
		require.NoError(t, err)
		for _, s := range list {
			uris = append(uris, s.uris...)
		}
		return uris
	}
	require.Equal(t, []string{"http://1.test"}, uris())
	r.Configure(t, fmt.Sprintf("Dir::Etc::sourceparts %q;\n", parts))
	require.Equal(t, []string{"http://1.test", "http://2.test", "http://3.test"}, uris())
	r.Configure(t, "Dir::Etc::sourceparts \"/dev/null\";\nDir::Etc::sourcelist \"/dev/null\";\n")
	require.Empty(t, uris())
}
