package hub_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/hub"
)

func TestAServerThatDoesNotListenIsReachedFromThisProcessOnly(t *testing.T) {
	h := open(t, hub.Options{})
	require.Empty(t, h.URL())
	nc, err := h.Connect()
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.Flush())
}

// Every combination of an address and of what a server knows: who listens for strangers has to know them.
func TestWhoMayListenWhereWithWhat(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.sign(-day, day, nil)
	token := write(t, "token", secret+"\n", 0o600)
	seed := filepath.Join(t.TempDir(), "seed")
	public, err := hub.NewKey(seed)
	require.NoError(t, err)
	keys := write(t, "keys", public+"\n", 0o644)
	for _, listen := range []string{"", "127.0.0.1:0", "localhost:0", "[::1]:0", "0.0.0.0:0", ":0", "192.0.2.1:0"} {
		for flags := range 16 {
			o := hub.Options{Listen: listen, Insecure: flags&8 != 0}
			if flags&1 != 0 {
				o.Cert, o.Key = cert, key
			}
			if flags&2 != 0 {
				o.Token = token
			}
			if flags&4 != 0 {
				o.NKeys = keys
			}
			name := fmt.Sprintf("listen %s, certificate %t, token %t, keys %t, insecure %t", listen, o.Cert != "", o.Token != "",
				o.NKeys != "", o.Insecure)
			far := strings.Contains(listen, "0.0.0.0") || listen == ":0" || listen == "192.0.2.1:0"
			says, kind := "", problem.Usage
			switch {
			case listen == "" && flags&7 != 0:
				says = "those of a server that listens"
			case flags&6 == 6:
				says = "a server has one or the other"
			case far && !o.Insecure && (flags&1 == 0 || flags&6 == 0):
				says = "whoever reaches this address could hand in results"
			case listen == "192.0.2.1:0":
				says, kind = "listen on 192.0.2.1:0", problem.Machine
			}
			if says == "" && far {
				continue // it would listen to strangers: that is not for a test
			}
			t.Run(name, func(t *testing.T) {
				queues := cache(t)
				h, err := hub.Open(o)
				if says != "" {
					refused(t, err, kind, says, "-")
					require.Empty(t, kept(t, queues))
					return
				}
				if strings.HasPrefix(listen, "[") && err != nil {
					t.Skip("there is no IPv6 here")
				}
				require.NoError(t, err)
				defer h.Close()
				require.Equal(t, listen != "", h.URL() != "")
				if listen != "127.0.0.1:0" {
					return
				}
				scheme := "nats://"
				if o.Cert != "" {
					scheme = "tls://"
				}
				require.Contains(t, h.URL(), scheme)
				c := hub.Credentials{Token: o.Token}
				if o.Cert != "" {
					c.CA = a.file
				}
				if o.NKeys != "" {
					c.NKey = seed
				}
				nc, err := dial(t, h.URL(), c)
				require.NoError(t, err)
				require.NoError(t, nc.Flush())
				nc.Close()
				own, err := h.Connect() // the process itself needs no secret
				require.NoError(t, err)
				own.Close()
			})
		}
	}
}

func TestWrongOptionsOfAServer(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.sign(-day, day, nil)
	_, other := a.sign(-day, day, nil)
	public, err := hub.NewKey(filepath.Join(t.TempDir(), "seed"))
	require.NoError(t, err)
	local := "127.0.0.1:0"
	seed := "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4"
	for name, of := range map[string]struct {
		o          hub.Options
		says, hint string
	}{
		"no port":     {hub.Options{Listen: "127.0.0.1"}, "missing port", "HOST:PORT"},
		"port's name": {hub.Options{Listen: "127.0.0.1:nats"}, "not a number from 0 to 65535", ""},
		"port 65536":  {hub.Options{Listen: "127.0.0.1:65536"}, "not a number from 0 to 65535", ""},
		"port -1":     {hub.Options{Listen: "127.0.0.1:-1"}, "not a number from 0 to 65535", ""},
		"a URL":       {hub.Options{Listen: "nats://127.0.0.1:4222"}, "too many colons", "HOST:PORT"},
		"cert alone":  {hub.Options{Listen: local, Cert: cert}, "read the certificate", "--tls-cert FILE --tls-key FILE"},
		"key alone":   {hub.Options{Listen: local, Key: key}, "read the certificate", "--tls-cert FILE --tls-key FILE"},
		"other key": {hub.Options{Listen: local, Cert: cert, Key: other},
			"does not match", "--tls-cert FILE --tls-key FILE"},
		"key as cert": {hub.Options{Listen: local, Cert: key, Key: key}, "read the certificate", "PEM"},
		"no file":     {hub.Options{Listen: local, Cert: "/nowhere", Key: key}, "/nowhere", "PEM"},
		"no token":    {hub.Options{Listen: local, Token: "/nowhere"}, "/nowhere", ""},
		"open token": {hub.Options{Listen: local, Token: write(t, "token", secret, 0o644)},
			"can be read by others (mode 0644)", "chmod 600 "},
		"group's": {hub.Options{Listen: local, Token: write(t, "token", secret, 0o640)}, "(mode 0640)", "chmod 600 "},
		"short token": {hub.Options{Listen: local, Token: write(t, "token", "hunter2\n"+secret, 0o600)},
			"has 7 characters, at least 16", "openssl rand -hex 32"},
		"empty token": {hub.Options{Listen: local, Token: write(t, "token", "", 0o600)},
			"has 0 characters", "openssl rand -hex 32"},
		"token's line": {hub.Options{Listen: local, Token: write(t, "token", strings.Repeat("x", 1<<20), 0o600)},
			"too long", ""},
		"no keys": {hub.Options{Listen: local, NKeys: "/nowhere"}, "/nowhere", "--nkeys FILE"},
		"empty keys": {hub.Options{Listen: local, NKeys: write(t, "keys", "# nobody\n\n", 0o644)},
			"nobody could connect", "public key"},
		"bad key": {hub.Options{Listen: local, NKeys: write(t, "keys", public+" # me\n\n\tUABC\n", 0o644)},
			"keys:3:2: this is not the public key", "begins with U"},
		"a seed": {hub.Options{Listen: local, NKeys: write(t, "keys", seed+"\n", 0o644)},
			"keys:1:1: this is not the public key", "stays secret"},
	} {
		t.Run(name, func(t *testing.T) {
			queues := cache(t)
			_, err := hub.Open(of.o)
			refused(t, err, problem.Usage, of.says, of.hint)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), seed)
			require.Empty(t, kept(t, queues))
		})
	}
}

func TestAnAddressThatIsTakenIsSaidAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	queues := cache(t)
	_, err = hub.Open(hub.Options{Listen: l.Addr().String()})
	refused(t, err, problem.Machine, "listen on "+l.Addr().String()+": bind: address already in use", "--listen HOST:PORT")
	require.Empty(t, kept(t, queues))
}

func TestACacheThatCannotBeWritten(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", write(t, "file", "", 0o644))
	_, err := hub.Open(hub.Options{})
	refused(t, err, problem.Machine, "make the queue store", "XDG_CACHE_HOME")
}

func TestAKeyThatIsThereIsNeverOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seed")
	public, err := hub.NewKey(file)
	require.NoError(t, err)
	require.Regexp(t, "^U[A-Z2-7]{55}$", public)
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Regexp(t, "^SU[A-Z2-7]{56}\n$", string(before))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = hub.NewKey(file)
	refused(t, err, problem.Usage, "file exists", "never overwritten")
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = hub.NewKey(filepath.Join(file, "below"))
	refused(t, err, problem.Usage, "write a key", "")
}

func TestNothingIsLeftOfAServer(t *testing.T) {
	queues := cache(t)
	h, err := hub.Open(hub.Options{})
	require.NoError(t, err)
	require.Len(t, kept(t, queues), 1)
	h.Close()
	require.Empty(t, kept(t, queues))
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	queues := cache(t)
	killed(t)
	left := kept(t, queues)
	require.Len(t, left, 1)
	h, err := hub.Open(hub.Options{})
	require.NoError(t, err)
	require.NoDirExists(t, left[0], "by the next one that opens a server")
	mine := kept(t, queues)
	require.Len(t, mine, 1)

	killed(t)
	require.Len(t, kept(t, queues), 2)
	listed, err := hub.GC(true)
	require.NoError(t, err)
	require.Len(t, kept(t, queues), 2, "a list removes nothing")
	removed, err := hub.GC(false)
	require.NoError(t, err)
	require.Equal(t, listed, removed)
	require.Len(t, removed, 1)
	require.Equal(t, mine, kept(t, queues), "a server that lives keeps its files")
	h.Close()
	none, err := hub.GC(false)
	require.NoError(t, err)
	require.Empty(t, none)
}
