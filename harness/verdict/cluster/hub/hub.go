package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/shelf"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// Options of a server.
type Options struct {
	// Listen is HOST:PORT; empty if nobody else is to connect.
	Listen string
	// Cert and Key are the files of its certificate; Token that of a shared secret; NKeys that of the public keys which
	// may connect. All may be empty.
	Cert, Key, Token, NKeys string
	// Insecure lets it listen on any address without them.
	Insecure bool
	// Memory bounds the leases that wait in it, Files the kernels, images and large records, in bytes; 0 means 256 MiB
	// and 8 GiB.
	Memory, Files int64
}

// Hub is a server in this process.
type Hub struct {
	server  *server.Server
	local   []nats.Option
	release func()
}

// Bounds of a server.
const (
	mostLeases = 256 << 20 // bytes of leases in memory
	mostFiles  = 8 << 30   // bytes of kernels and images for workers
	starting   = 30 * time.Second
)

// Open starts a server. Errors of kind [problem.Usage] are about the options, of kind [problem.Machine] about an
// address that is taken.
func Open(o Options) (_ *Hub, err error) {
	opts := &server.Options{
		ServerName: "ruleout", DontListen: o.Listen == "", NoSigs: true, NoLog: true,
		JetStream: true, JetStreamMaxMemory: mostLeases, JetStreamMaxStore: mostFiles,
		MaxPayload: wire.MostMessage + 64<<10, MaxControlLine: 4096,
	}
	if o.Memory > 0 {
		opts.JetStreamMaxMemory = o.Memory
	}
	if o.Files > 0 {
		opts.JetStreamMaxStore = o.Files
	}
	h := &Hub{}
	if err := h.secure(opts, o); err != nil {
		return nil, err
	}
	if o.Listen != "" {
		if opts.Host, opts.Port, err = address(o); err != nil {
			return nil, err
		}
	}
	if opts.StoreDir, h.release, err = room(); err != nil {
		return nil, err
	}
	if h.server, err = server.NewServer(opts); err != nil {
		h.release()
		return nil, usage(fmt.Errorf("start the queue: %w", err), "")
	}
	var said complaint
	h.server.SetLoggerV2(&said, false, false, false)
	h.server.Start()
	if err := said.err(); err != nil || !h.server.ReadyForConnections(starting) {
		h.Close()
		if err == nil {
			err = fmt.Errorf("the server is not ready after %s", starting)
		}
		if listen := (*net.OpError)(nil); errors.As(err, &listen) {
			return nil, problem.Wrap(problem.Machine, fmt.Errorf("listen on %s: %w", o.Listen, listen.Err),
				"give an address of this machine that nobody else listens on: --listen HOST:PORT")
		}
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("start the queue: %w", err), "")
	}
	return h, nil
}

// complaint is a [server.Logger] that keeps why a server cannot start.
type complaint struct {
	mu    sync.Mutex
	first error
}

func (c *complaint) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// Fatalf is called when a server gives up. It does not end by itself.
func (c *complaint) Fatalf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != nil {
		return
	}
	c.first = fmt.Errorf(format, args...)
	for _, a := range args {
		if err, ok := a.(error); ok {
			c.first = err
		}
	}
}

func (*complaint) Noticef(string, ...any) {}
func (*complaint) Warnf(string, ...any)   {}
func (*complaint) Errorf(string, ...any)  {}
func (*complaint) Debugf(string, ...any)  {}
func (*complaint) Tracef(string, ...any)  {}

// store is where servers keep their files.
func store() (*shelf.Shelf, error) {
	dir, err := kernel.CacheDir()
	return &shelf.Shelf{Dir: filepath.Join(dir, "queues"), What: "queue", Takes: "the kernels and images of workers",
		Whole: func(string) error { return nil }}, err
}

// room makes a directory, and removes what killed processes left.
func room() (dir string, release func(), err error) {
	s, err := store()
	if err != nil {
		return "", nil, err
	}
	_, _ = s.GC() // what cannot be removed does not matter here; ruleout gc says so
	return s.Room()
}

// GC removes what killed processes left, or only lists it.
func GC(list bool) ([]string, error) {
	s, err := store()
	if err != nil {
		return nil, err
	}
	if list {
		return s.Garbage()
	}
	return s.GC()
}

// secure sets who may connect.
func (h *Hub) secure(opts *server.Options, o Options) (err error) {
	if o.Listen == "" && (o.Cert != "" || o.Key != "" || o.Token != "" || o.NKeys != "") {
		return usage(errors.New("certificate, token and keys are those of a server that listens"), "add --listen HOST:PORT")
	}
	if o.Token != "" && o.NKeys != "" {
		return usage(errors.New("a token and NKeys: a server has one or the other"), "leave out --token-file")
	}
	if o.Cert != "" || o.Key != "" {
		if opts.TLSConfig, err = certificate(o.Cert, o.Key); err != nil {
			return err
		}
		opts.TLSTimeout = 5
	}
	if o.Token != "" {
		if opts.Authorization, err = secret(o.Token); err != nil {
			return err
		}
		h.local = append(h.local, nats.Token(opts.Authorization))
	}
	if o.NKeys == "" {
		return nil
	}
	list, err := keys(o.NKeys)
	if err != nil {
		return err
	}
	own, err := nkeys.CreateUser() // which lives as long as this process
	if err != nil {
		return err
	}
	public, err := own.PublicKey()
	if err != nil {
		return err
	}
	for _, key := range append(list, public) {
		opts.Nkeys = append(opts.Nkeys, &server.NkeyUser{Nkey: key})
	}
	h.local = append(h.local, nats.Nkey(public, own.Sign))
	return nil
}

// address takes HOST:PORT apart, and refuses one that strangers could reach.
func address(o Options) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return "", 0, usage(fmt.Errorf("--listen %s: %w", o.Listen, err), "write HOST:PORT, such as 127.0.0.1:4222")
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, usage(fmt.Errorf("--listen %s: the port is not a number from 0 to 65535", o.Listen), "")
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	if host == "" {
		host = "0.0.0.0"
	}
	loopback := host == "localhost"
	if ip := net.ParseIP(host); ip != nil {
		loopback = ip.IsLoopback()
	}
	if !loopback && !o.Insecure && (o.Cert == "" || o.Token == "" && o.NKeys == "") {
		return "", 0, usage(fmt.Errorf("--listen %s: whoever reaches this address could hand in results", o.Listen),
			"add --tls-cert and --tls-key, and --nkeys or --token-file; or listen on 127.0.0.1; --insecure leaves it open")
	}
	return host, port, nil
}

// URL is where others connect; empty if it does not listen.
func (h *Hub) URL() string {
	if h.server.Addr() == nil {
		return ""
	}
	u, err := url.Parse(h.server.ClientURL())
	if err != nil {
		return ""
	}
	name, err := os.Hostname()
	if ip := net.ParseIP(u.Hostname()); err == nil && ip != nil && ip.IsUnspecified() { // nobody can connect to that
		u.Host = net.JoinHostPort(name, u.Port())
	}
	return u.String()
}

// Connect connects to the server, without a socket.
func (h *Hub) Connect() (*nats.Conn, error) {
	return nats.Connect("", append(slices.Clone(h.local), nats.InProcessServer(h.server), nats.Name("ruleout"),
		nats.Timeout(starting), nats.ErrorHandler(silent))...)
}

// silent takes what happens to a connection beside a question: who asks gets no answer, and asks again. Without it, the
// client prints.
func silent(*nats.Conn, *nats.Subscription, error) {}

// Close ends the server and removes its files. Connections to it end.
func (h *Hub) Close() {
	h.server.Shutdown()
	h.server.WaitForShutdown()
	h.release()
}

// Connect connects to a server by its URL, such as nats://HOST:4222 or tls://HOST:4222. When the connection is lost,
// it tries again until it is closed. With wait, the first attempt is repeated until there is a server, or the context
// ends.
// Errors are of kind [problem.Usage] for what the server does not accept, else of kind [problem.Machine].
func Connect(ctx context.Context, at string, c Credentials, wait time.Duration, more ...nats.Option) (
	*nats.Conn, error,
) {
	where, err := shown(at)
	if err != nil {
		return nil, usage(err, "write nats://HOST:PORT or tls://HOST:PORT")
	}
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, nats.Name("ruleout"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond),
		nats.Timeout(5*time.Second), nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(silent))
	opts = append(opts, more...)
	for began := time.Now(); ; {
		nc, err := nats.Connect(at, opts...)
		if err == nil {
			return nc, nil
		}
		err = explain(where, err)
		if problem.KindOf(err) == problem.Usage || time.Since(began) >= wait {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}
