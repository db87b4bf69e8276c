// Package apttest gives tests a package repository of their own, which apt uses instead of the machine's.
package apttest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Repository is a package repository that apt is told to use instead of the system's.
type Repository struct {
	Root string // what is served
	URL  string
	Work string // where apt works
}

// New serves packages over HTTP to the apt of this process and its children, as
// something that is no distribution.
func New(t *testing.T, packages ...Deb) *Repository {
	r := NewServer(t)
	r.Sources(t, "deb [trusted=yes] "+r.URL+" ./\n")
	require.NoError(t, os.WriteFile(filepath.Join(r.Root, "Packages"), r.Index(t, packages...), 0o644))
	return r
}

// NewServer serves nothing yet.
func NewServer(t *testing.T) *Repository {
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on this machine", tool)
		}
	}
	r := &Repository{Root: t.TempDir(), Work: t.TempDir()}
	server := httptest.NewServer(http.FileServer(http.Dir(r.Root)))
	t.Cleanup(server.Close)
	r.URL = server.URL
	for _, dir := range []string{"lists/partial", "cache/archives/partial", "etc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.Work, dir), 0o755))
	}
	conf := fmt.Sprintf(`Dir::Etc "%[1]s/etc";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Dir::Etc::parts "-";
Dir::State "%[1]s";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
APT::Architecture "amd64";
APT::Architectures "amd64";
Acquire::Languages "none";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
APT::Sandbox::User "root";
`, r.Work)
	r.Configure(t, conf)
	require.NoError(t, os.WriteFile(filepath.Join(r.Work, "status"), nil, 0o644))
	t.Setenv("APT_CONFIG", filepath.Join(r.Work, "apt.conf"))
	return r
}

// Configure adds to apt's configuration.
func (r *Repository) Configure(t *testing.T, conf string) {
	file := filepath.Join(r.Work, "apt.conf")
	old, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(file, append(old, conf...), 0o644))
}

// Sources replaces apt's sources.
func (r *Repository) Sources(t *testing.T, lines string) {
	require.NoError(t, os.WriteFile(filepath.Join(r.Work, "sources.list"), []byte(lines), 0o644))
}

// Index puts packages where they are served, and returns the list of them.
func (r *Repository) Index(t *testing.T, packages ...Deb) []byte {
	var index bytes.Buffer
	for _, p := range packages {
		name := p.Name + "_" + strings.ReplaceAll(p.Version, ":", "%3a") + "_amd64.deb"
		require.NoError(t, os.WriteFile(filepath.Join(r.Root, name), p.Data, 0o644))
		fmt.Fprintf(&index, "%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", p.Control, name, len(p.Data), sha256.Sum256(p.Data))
	}
	return index.Bytes()
}

// Update lets apt read the list of what is served.
func (r *Repository) Update(t *testing.T) {
	out, err := exec.Command("apt-get", "update").CombinedOutput()
	require.NoError(t, err, string(out))
}

// Deb is a package to be served.
type Deb struct {
	Name, Version string
	Control       string // fields, each with a newline
	Data          []byte // of the file
}
