package hub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
)

func TestCredentialsThatCannotBeRead(t *testing.T) {
	h := open(t, hub.Options{Listen: "127.0.0.1:0"})
	open := filepath.Join(t.TempDir(), "seed")
	public, err := hub.NewKey(open)
	require.NoError(t, err)
	for name, of := range map[string]struct {
		c          hub.Credentials
		says, hint string
	}{
		"no CA":       {hub.Credentials{CA: "/nowhere"}, "/nowhere", "--ca FILE"},
		"no PEM":      {hub.Credentials{CA: write(t, "ca", "nonsense", 0o644)}, "no certificate", "--ca FILE"},
		"no token":    {hub.Credentials{Token: "/nowhere"}, "/nowhere", ""},
		"open token":  {hub.Credentials{Token: write(t, "token", secret, 0o644)}, "(mode 0644)", "chmod 600 "},
		"short token": {hub.Credentials{Token: write(t, "token", "hunter2", 0o600)}, "7 characters", "openssl rand"},
		"no seed":     {hub.Credentials{NKey: "/nowhere"}, "/nowhere", ""},
		"public key":  {hub.Credentials{NKey: write(t, "seed", public, 0o600)}, "read the NKey", "begins with SU"},
		"nonsense":    {hub.Credentials{NKey: write(t, "seed", "hunter2", 0o600)}, "read the NKey", "begins with SU"},
		"open seed":   {hub.Credentials{NKey: write(t, "seed", "hunter2", 0o604)}, "(mode 0604)", "chmod 600 "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, h.URL(), of.c)
			refused(t, err, problem.Usage, of.says, of.hint)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestAServerThatKnowsWhoMayConnect(t *testing.T) {
	const hint = "give --nkey-file or --token-file, with what it expects"
	seed, stranger := filepath.Join(t.TempDir(), "seed"), filepath.Join(t.TempDir(), "seed")
	public, err := hub.NewKey(seed)
	require.NoError(t, err)
	_, err = hub.NewKey(stranger)
	require.NoError(t, err)
	token, other := write(t, "token", secret, 0o600), write(t, "token", "another "+secret, 0o600)
	keys := open(t, hub.Options{Listen: "127.0.0.1:0", NKeys: write(t, "keys", "# workers\n"+public+" # one\n", 0o644)})
	tokens := open(t, hub.Options{Listen: "127.0.0.1:0", Token: token})
	nobody := open(t, hub.Options{Listen: "127.0.0.1:0"})
	for name, of := range map[string]struct {
		to *hub.Hub
		c  hub.Credentials
	}{
		"wrong token":   {tokens, hub.Credentials{Token: other}},
		"no token":      {tokens, hub.Credentials{}},
		"key for token": {tokens, hub.Credentials{NKey: seed}},
		"wrong key":     {keys, hub.Credentials{NKey: stranger}},
		"no key":        {keys, hub.Credentials{}},
		"token for key": {keys, hub.Credentials{Token: token}},
		"key for all":   {nobody, hub.Credentials{NKey: seed}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hub.Connect(t.Context(), of.to.URL(), of.c, time.Hour) // waiting does not help
			refused(t, err, problem.Usage, "connect to "+of.to.URL(), hint)
			require.NotContains(t, err.Error(), secret)
		})
	}
	_, err = dial(t, tokens.URL(), hub.Credentials{Token: token})
	require.NoError(t, err)
	_, err = dial(t, keys.URL(), hub.Credentials{NKey: seed})
	require.NoError(t, err)
	_, err = dial(t, nobody.URL(), hub.Credentials{Token: token})
	require.NoError(t, err, "who lets everybody in does not mind a token")
}

// The clock of one machine is an hour behind or ahead, or the certificate is too old: the same to a client, which says
// both.
func TestCertificates(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	otherName := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	for name, of := range map[string]struct {
		from, until time.Duration
		change      func(*x509.Certificate)
		ca          string
		says, hint  string
	}{
		"good":          {-day, day, nil, a.file, "", ""},
		"expired":       {-2 * day, -time.Hour, nil, a.file, "expired", "or the clock of this machine is wrong: it is 20"},
		"not yet valid": {time.Hour, day, nil, a.file, "not yet valid", "or the clock of this machine is wrong: it is 20"},
		"no authority":  {-day, day, nil, "", "unknown authority", "--ca FILE"},
		"its impostor":  {-day, day, nil, stranger.file, "unknown authority", "--ca FILE"},
		"another host":  {-day, day, otherName, a.file, "192.0.2.1", "a name that is in the server's certificate"},
		"of a client":   {-day, day, client, a.file, "incompatible key usage", "not one for a server"},
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := a.sign(of.from, of.until, of.change)
			h := open(t, hub.Options{Listen: "127.0.0.1:0", Cert: cert, Key: key})
			_, err := dial(t, h.URL(), hub.Credentials{CA: of.ca})
			if of.says == "" {
				require.NoError(t, err)
				return
			}
			refused(t, err, problem.Usage, of.says, of.hint)
			if of.says == "expired" || of.says == "not yet valid" {
				date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format("from 2006-01-02")[5:] }
				require.Contains(t, problem.HintOf(err), "valid from "+date(of.from))
				require.Contains(t, problem.HintOf(err), " to "+date(of.until))
			}
		})
	}
}

func TestOneEndWantsTLSAndTheOtherDoesNot(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.sign(-day, day, nil)
	plain := open(t, hub.Options{Listen: "127.0.0.1:0"})
	secure := open(t, hub.Options{Listen: "127.0.0.1:0", Cert: cert, Key: key})

	_, err := dial(t, "tls"+plain.URL()[len("nats"):], hub.Credentials{})
	refused(t, err, problem.Usage, "secure connection not available", "write nats://HOST:PORT")
	_, err = dial(t, plain.URL(), hub.Credentials{CA: a.file})
	refused(t, err, problem.Usage, "secure connection not available", "without --ca")

	nc, err := dial(t, "nats"+secure.URL()[len("tls"):], hub.Credentials{CA: a.file})
	require.NoError(t, err, "the server says that it wants TLS, and the client follows")
	require.True(t, nc.TLSRequired())
	_, err = dial(t, "nats"+secure.URL()[len("tls"):], hub.Credentials{})
	refused(t, err, problem.Usage, "unknown authority", "--ca FILE")
}

// Something else listens there: it greets by other words, or waits for ours.
func TestWhatIsNoServerOfNATS(t *testing.T) {
	pair := new(tls.Config)
	cert, key := newAuthority(t).sign(-day, day, nil)
	loaded, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	pair.Certificates = []tls.Certificate{loaded}
	for name, greet := range map[string]func(net.Conn){
		"another word": func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.2p1\r\n")) },
		"hangs up":     func(net.Conn) {},
		"TLS first": func(c net.Conn) {
			_ = tls.Server(c, pair).Handshake()
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					greet(c)
					c.Close()
				}
			}()
			_, err = hub.Connect(t.Context(), "nats://"+l.Addr().String(), hub.Credentials{}, 0, nats.Timeout(time.Second))
			l.Close()
			<-done
			refused(t, err, problem.Machine, "connect to nats://"+l.Addr().String(), "does not talk as a NATS server does")
		})
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	l.Close()
	_, err = dial(t, "nats://"+at, hub.Credentials{})
	refused(t, err, problem.Machine, "connect to nats://"+at, "start ruleout sweep … --listen HOST:PORT first")
	_, err = dial(t, "nats://no-such-host.invalid:4222", hub.Credentials{})
	refused(t, err, problem.Machine, "no-such-host.invalid", "the name is not known here")
}

func TestAServerThatComesLaterIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	l.Close()
	came := make(chan error, 1)
	go func() {
		nc, err := hub.Connect(t.Context(), "nats://"+at, hub.Credentials{}, time.Hour)
		if err == nil {
			nc.Close()
		}
		came <- err
	}()
	open(t, hub.Options{Listen: at})
	require.NoError(t, <-came)

	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the user does not wait any more")
	cancel(stopped)
	_, err = hub.Connect(ctx, "nats://127.0.0.1:1", hub.Credentials{}, time.Hour)
	require.ErrorIs(t, err, stopped)
}

// What is before the @ is secret, however odd the rest is.
func TestURLsThatCannotBeUsed(t *testing.T) {
	for name, of := range map[string]struct{ url, says, hint string }{
		"scheme":   {"http://127.0.0.1:4222", `begins with "http"`, "nats://HOST:PORT"},
		"no host":  {"nats://", "has no host", "nats://HOST:PORT"},
		"nothing":  {"", "has no host", "nats://HOST:PORT"},
		"port":     {"nats://127.0.0.1:nats", "invalid port", "nats://HOST:PORT"},
		"space":    {"nats://me:hunter2 @127.0.0.1:4222", "cannot be read", "nats://HOST:PORT"},
		"slash":    {"nats://me:hunter2/3@127.0.0.1:4222", "cannot be read", "nats://HOST:PORT"},
		"control":  {"nats://me:hunter2\x01@127.0.0.1:4222", "cannot be read", "nats://HOST:PORT"},
		"percent":  {"nats://me:hunter2%@127.0.0.1:4222", "cannot be read", "nats://HOST:PORT"},
		"password": {"nats://me:hunter2@127.0.0.1:1", "connect to nats://127.0.0.1:1", "--wait 10m"},
		"token":    {"nats://hunter2@127.0.0.1:1", "connect to nats://127.0.0.1:1", "--wait 10m"},
		"two": {"nats://127.0.0.1:1,nats://me:hunter2@127.0.0.1:1",
			"connect to nats://127.0.0.1:1,nats://127.0.0.1:1", "--wait 10m"},
		"without scheme": {"me:hunter2@127.0.0.1:1", "connect to nats://127.0.0.1:1", "--wait 10m"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, of.url, hub.Credentials{})
			require.ErrorContains(t, err, of.says)
			require.Contains(t, problem.HintOf(err), of.hint)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, problem.HintOf(err), "hunter2")
		})
	}
}
