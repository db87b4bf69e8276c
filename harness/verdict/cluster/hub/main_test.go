package hub_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
)

// A test that needs a second process starts this binary again with a role.
const roleVariable = "RULEOUT_HUB_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" { // opens a server, says so, and waits for its end
		if _, err := hub.Open(hub.Options{}); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// killed is a process that has opened a server, and was killed.
func killed(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(exe)
	c.Env = append(os.Environ(), roleVariable+"=open")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewScanner(out)
	said := lines.Scan() && lines.Text() == "open"
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
	require.True(t, said, "the process says %q", lines.Text())
}

// cache is a directory for what servers keep.
func cache(t *testing.T) (queues string) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	return filepath.Join(dir, "ruleout", "queues")
}

// kept are the directories of servers, those that live and those that do not.
func kept(t *testing.T, queues string) (list []string) {
	list, err := filepath.Glob(filepath.Join(queues, ".download-*"))
	require.NoError(t, err)
	return list
}

// write puts a file with a mode into a directory of the test.
func write(t *testing.T, name, text string, mode os.FileMode) (file string) {
	file = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), mode))
	return file
}

const secret = "0123456789abcdef0123456789abcdef"

// open opens a server for the test.
func open(t *testing.T, o hub.Options) *hub.Hub {
	cache(t)
	h, err := hub.Open(o)
	require.NoError(t, err)
	t.Cleanup(h.Close)
	return h
}

// refused is an error of a kind, which says something and hints at something.
func refused(t *testing.T, err error, kind problem.Kind, says, hint string) {
	t.Helper()
	require.ErrorContains(t, err, says)
	require.Equal(t, kind, problem.KindOf(err), "%v", err)
	require.Contains(t, problem.HintOf(err), hint)
}

// dial connects by a URL, without any patience.
func dial(t *testing.T, url string, c hub.Credentials) (*nats.Conn, error) {
	nc, err := hub.Connect(t.Context(), url, c, 0)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its own certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-100 * day), NotAfter: time.Now().Add(100 * day), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.file = write(t, "ca.pem", encode("CERTIFICATE", der), 0o644)
	return a
}

const day = 24 * time.Hour

// sign makes a certificate for a server at 127.0.0.1, valid from and until some time from now.
func (a *authority) sign(from, until time.Duration, change func(*x509.Certificate)) (cert, key string) {
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(template)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	require.NoError(a.t, err)
	private, err := x509.MarshalECPrivateKey(k)
	require.NoError(a.t, err)
	return write(a.t, "cert.pem", encode("CERTIFICATE", der), 0o644),
		write(a.t, "key.pem", encode("EC PRIVATE KEY", private), 0o600)
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
