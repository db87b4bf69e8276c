package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
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
	starting   = 10 * time.Second
)

// Open starts a server. Errors of kind [problem.Usage] are about the options, of kind [problem.Machine] about an address
// that is taken.
func Open(o Options) (_ *Hub, err error) {
	opts := &server.Options{
		ServerName: "ruleout", DontListen: o.Listen == "", NoSigs: true, NoLog: true,
		JetStream: true, JetStreamMaxMemory: mostLeases, JetStreamMaxStore: mostFiles,
		MaxPayload: wire.MostMessage + 64<<10, MaxControlLine: 4096,
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
	h.server.Start()
	if !h.server.ReadyForConnections(starting) {
		h.Close()
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("listen on %s: the address is taken, or not one of this machine",
			o.Listen), "give another one: --listen HOST:PORT")
	}
	return h, nil
}

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
	return h.server.ClientURL()
}

// Connect connects to the server, without a socket.
func (h *Hub) Connect() (*nats.Conn, error) {
	return nats.Connect("", append(h.local, nats.InProcessServer(h.server), nats.Name("ruleout"))...)
}

// Close ends the server and removes its files. Connections to it end.
func (h *Hub) Close() {
	h.server.Shutdown()
	h.server.WaitForShutdown()
	h.release()
}

// Connect connects to a server by its URL, such as nats://HOST:4222 or tls://HOST:4222. When the connection is lost, it
// tries again until it is closed. The context bounds the first attempt; with wait, that is repeated until there is a
// server. Errors are of kind [problem.Usage] for what the server does not accept, else of kind [problem.Machine].
func Connect(ctx context.Context, url string, c Credentials, wait time.Duration, more ...nats.Option) (*nats.Conn, error) {
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, nats.Name("ruleout"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond),
		nats.Timeout(5*time.Second), nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort())
	opts = append(opts, more...)
	for began := time.Now(); ; {
		nc, err := nats.Connect(url, opts...)
		if err == nil {
			return nc, nil
		}
		err = explain(url, err)
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
