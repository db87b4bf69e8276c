package scenario

import (
	"strconv"
	"strings"
)

// Traffic is load that one node puts on a service of another.
type Traffic struct {
	// From is the node that asks.
	From string `yaml:"from" json:"from"`
	// To is the node that answers: it has a php service, or a program with a port; for udp, a udp service; for bulk, a
	// bulk service. Load of kind exec does not need it.
	To string `yaml:"to,omitempty" json:"to,omitempty"`
	// Name tells the load from others: its metrics are recorded a second time, for it alone, under load.NAME., such as
	// load.voice.udp.loss. Without it, they are only in those of all loads of the kind together.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// HTTP is load by requests for a page.
	HTTP *HTTPLoad `yaml:"http,omitempty" json:"http,omitempty"`
	// UDP is load by datagrams.
	UDP *UDPLoad `yaml:"udp,omitempty" json:"udp,omitempty"`
	// Bulk is load by as much data as TCP carries.
	Bulk *BulkLoad `yaml:"bulk,omitempty" json:"bulk,omitempty"`
	// Exec is load by a program of the node's image, such as curl or iperf3.
	Exec *Program `yaml:"exec,omitempty" json:"exec,omitempty"`
}

// Arrivals is the process by which requests arrive.
type Arrivals string

// Arrival processes.
const (
	// Constant spaces requests evenly.
	Constant Arrivals = "constant"
	// Poisson draws exponential gaps from the seed.
	Poisson Arrivals = "poisson"
)

// Retry says when what met a connection that had ended is sent once more, on a new connection. It is about
// connections that end before a byte of the answer has come; half an answer is an error in any case.
type Retry string

// When to send once more.
const (
	// RetryOff never does: the connection's end is an error.
	RetryOff Retry = "off"
	// RetryIdle does on a connection that was kept from before, and so may have ended unnoticed. The default.
	RetryIdle Retry = "idle"
	// RetryAlways does on a new connection too, and where one is refused.
	RetryAlways Retry = "always"
)

// IsZero reports whether it is the default, which the canonical form leaves out: scenarios that were written before
// there was a choice keep their hash.
func (r Retry) IsZero() bool { return r == "" || r == RetryIdle }

// Page is the path of a page on a web server, with its query.
type Page string

// IsZero reports whether it is the default, which the canonical form leaves out.
func (p Page) IsZero() bool { return p == "" || p == "/index.php" }

// number stands for that of the request in a path.
const number = "{n}"

// Numbered tells whether each request asks for another page.
func (p Page) Numbered() bool { return strings.Contains(string(p), number) }

// Append appends the path for which the request of a number asks. Where text has room, it makes no garbage.
func (p Page) Append(text []byte, i int) []byte {
	for rest, found := string(p), true; found; {
		var before string
		before, rest, found = strings.Cut(rest, number)
		text = append(text, before...)
		if found {
			text = strconv.AppendInt(text, int64(i), 10)
		}
	}
	return text
}

// HTTPLoad is an HTTP/1.1 client. Its loop is open, unless it has users: requests leave when planned, whether or not
// earlier ones were answered, and latency counts from the planned time.
type HTTPLoad struct {
	// Port to ask. Without it, that of the node's php service, or of its first program with a port.
	Port int `yaml:"port,omitempty" json:"port" min:"1" max:"65535"`
	// Host is the name that the visitor looks up, by the resolver of its node, for each new connection, before it
	// connects. Its time is in the latency, and the metrics dns. are about it. Without it, the visitor knows the node's
	// address.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	// Path of the page. {n} stands for the number of the request, from 0 on.
	Path Page `yaml:"path,omitempty" json:"path,omitzero" default:"/index.php"`
	// Like is a program whose defaults stand in for keys that are not written: timeouts, retries, how long connections are
	// kept. The table of them, each with its source, is in docs/architecture/traffic.md.
	Like string `yaml:"like,omitempty" json:"-" enum:"aws-alb,chrome,curl,guzzle,haproxy,nginx"`
	// Arrivals is constant (evenly spaced, the first within one gap of the load's beginning, where the seed says) or
	// poisson (exponential gaps drawn from the seed).
	Arrivals Arrivals `yaml:"arrivals,omitempty" json:"arrivals" default:"poisson" enum:"constant,poisson"`
	// First is when the first of constant arrivals is, from the load's beginning. Without it, the seed draws it,
	// evenly within one gap (1/rate): seeds then differ, and no load is in step with a fault or the kernel's tick in
	// all of them.
	First *Duration `yaml:"first,omitempty" json:"first,omitempty" min:"0s"`
	// Rate of arrivals, such as 40/s. One of rate, curve, times, replay and users is needed.
	Rate Frequency `yaml:"rate,omitempty" json:"rate,omitempty" above:"0/s" max:"100000/s"`
	// Curve is a rate that changes: a ramp, the curve of a day. Between two points the rate changes evenly; before the
	// first and after the last it stays. Arrivals says how requests follow the curve.
	Curve []CurvePoint `yaml:"curve,omitempty" json:"curve,omitempty" most:"1000"`
	// Bursts let requests arrive for a while and not for another, by turns, at the rate or on the curve.
	Bursts *Bursts `yaml:"bursts,omitempty" json:"bursts,omitempty"`
	// Times are when requests arrive, each from the start of the measured window; they are in order and within the load's
	// own beginning and end.
	Times []Duration `yaml:"times,omitempty" json:"times,omitempty" most:"10000"`
	// Replay takes the times from a recording of real requests.
	Replay *Replay `yaml:"replay,omitempty" json:"replay,omitempty"`
	// Users ask, wait and think: a closed loop.
	Users *Users `yaml:"users,omitempty" json:"users,omitempty"`
	// Batch is how many requests arrive together, in the same nanosecond, each time that one would. The rate is that of
	// the batches.
	Batch int `yaml:"batch,omitempty" json:"batch,omitempty" min:"2" max:"10000"`
	// Sync is a name: loads with the same draw from the seed alike, so that those with the same arrivals send in the same
	// nanosecond. Without it, each load draws for itself.
	Sync string `yaml:"sync,omitempty" json:"sync,omitempty"`
	// Timeout of a request from its planned time.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"5s" min:"1ms" max:"1h"`
	// ConnectTimeout is how long a connection may take to open. Then this attempt at the request is over. Without it,
	// only timeout ends it; curl's default is 300 s, HAProxy's and nginx's for what is behind them 5 s and 60 s in
	// Debian's configuration (timeout connect, proxy_connect_timeout).
	ConnectTimeout Duration `yaml:"connect-timeout,omitempty" json:"connect-timeout,omitempty" min:"1ms" max:"1h"`
	// FirstByteTimeout is how long the first byte of the answer may take, from when the request is written on its
	// connection. Then this attempt is over, and its connection closed. nginx's for what is behind it is 60 s
	// (proxy_read_timeout), HAProxy's in Debian's configuration 50 s (timeout server).
	FirstByteTimeout Duration `yaml:"first-byte-timeout,omitempty" json:"first-byte-timeout,omitempty" min:"1ms" max:"1h"`
	// Abort is when the client gives up a request on purpose, as a visitor who presses stop. Such requests are no errors:
	// the metric http.aborted counts them. A load whose abort never comes to pass makes the run invalid.
	Abort *Abort `yaml:"abort,omitempty" json:"abort,omitempty"`
	// Body is the size of a body: requests are POST instead of GET.
	Body Size `yaml:"body,omitempty" json:"body,omitempty" min:"1B" max:"1MiB"`
	// Reads has the client read answers slowly. What it has not read fills its receive buffer, as large as the sysctl
	// net.ipv4.tcp_rmem lets it be, and then closes the window.
	Reads *Slow `yaml:"reads,omitempty" json:"reads,omitempty"`
	// Sends has the client send requests slowly, body included.
	Sends *Slow `yaml:"sends,omitempty" json:"sends,omitempty"`
	// Keepalive reuses connections, instead of one connection a request.
	Keepalive bool `yaml:"keepalive,omitempty" json:"keepalive,omitempty"`
	// Connections is the most that may be open at once. Without it there is no limit.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty" min:"1" max:"65535"`
	// Idle is how long a kept connection may carry nothing before the client closes it. Without it, the client keeps
	// connections to the end of the measured window. It goes with keepalive. A client that keeps them for longer than
	// the service (timeouts.idle) meets resets.
	Idle Duration `yaml:"idle,omitempty" json:"idle,omitempty" min:"1ms" max:"24h"`
	// KeepaliveRequests is the most requests on one connection, after which the client closes it. Without it there is no
	// limit. It goes with keepalive. nginx's for its upstreams is 1000 (keepalive_requests).
	KeepaliveRequests int `yaml:"keepalive-requests,omitempty" json:"keepalive-requests,omitempty" min:"1" max:"1000000"`
	// Retry says what becomes of a request whose connection ends before a byte of the answer: off counts an error (as
	// Python's requests does by default), idle sends it once more on a new connection if the old one was kept from
	// before (as browsers, libcurl, Go's net/http and nginx do; RFC 9112, 9.3.1), always does so for new and refused
	// connections too. The metric http.retried counts them.
	Retry Retry `yaml:"retry,omitempty" json:"retry,omitzero" default:"idle" enum:"off,idle,always"`
	// Retries is how often a request may be sent again in all. More than once goes with retry: always, which is then also
	// about attempts that connect-timeout or first-byte-timeout has ended. Without it, once, and not after a timeout.
	Retries int `yaml:"retries,omitempty" json:"retries,omitempty" min:"1" max:"100"`
	// RetryWait is the time from the end of an attempt to the next. Without it, the next follows at once.
	RetryWait Duration `yaml:"retry-wait,omitempty" json:"retry-wait,omitempty" min:"1ms" max:"1h"`
	// Probes has the kernel send keepalive probes on idle connections (SO_KEEPALIVE), at the times of the sysctls
	// net.ipv4.tcp_keepalive_time, tcp_keepalive_intvl and tcp_keepalive_probes of the node. It goes with keepalive.
	Probes bool `yaml:"probes,omitempty" json:"probes,omitempty"`
	// Writes is how many pieces of about equal length a request is handed to the kernel in, one right after the other, by
	// a call of write(2) each. Without it, one.
	Writes int `yaml:"writes,omitempty" json:"writes,omitempty" min:"2" max:"16"`
	// NoDelay turns Nagle's algorithm off (TCP_NODELAY), which holds a short segment back while an earlier one is
	// not acknowledged.
	NoDelay bool `yaml:"nodelay,omitempty" json:"nodelay,omitempty"`
	// IPv6 uses the node's IPv6 address.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// Phase is the name of the phase in which requests arrive; it stands for at and for.
	Phase string `yaml:"phase,omitempty" json:"-"`
	// At is when the load starts, relative to the start of the measured window. Without it, the load starts
	// with the warm-up.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty" min:"0s"`
	// For is how long requests arrive. Without it, to the end of the measured window.
	For Duration `yaml:"for,omitempty" json:"for" min:"1ms"`
	// Late is the bound on the 99th percentile of how far the generator may fall behind
	// its own plan before the run is invalid.
	Late Duration `yaml:"late,omitempty" json:"late" default:"5ms" min:"1us" max:"1m"`
}
