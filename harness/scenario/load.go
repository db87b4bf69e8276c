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

// HTTPLoad is an open-loop HTTP/1.1 client: requests leave when planned, whether or
// not earlier ones were answered, and latency counts from the planned time.
type HTTPLoad struct {
	// Port to ask. Without it, that of the node's php service, or of its first program with a port.
	Port int `yaml:"port,omitempty" json:"port" min:"1" max:"65535"`
	// Host is the name that the visitor looks up, by the resolver of its node, for each new connection, before it
	// connects. Its time is in the latency, and the metrics dns. are about it. Without it, the visitor knows the node's
	// address.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	// Path of the page. {n} stands for the number of the request, from 0 on.
	Path Page `yaml:"path,omitempty" json:"path,omitzero" default:"/index.php"`
	// Arrivals is constant (evenly spaced, the first within one gap of the load's beginning, where the seed says) or
	// poisson (exponential gaps drawn from the seed).
	Arrivals Arrivals `yaml:"arrivals,omitempty" json:"arrivals" default:"poisson" enum:"constant,poisson"`
	// First is when the first of constant arrivals is, from the load's beginning. Without it, the seed draws it,
	// evenly within one gap (1/rate): seeds then differ, and no load is in step with a fault or the kernel's tick in
	// all of them.
	First *Duration `yaml:"first,omitempty" json:"first,omitempty" min:"0s"`
	// Rate of arrivals, such as 40/s.
	Rate Frequency `yaml:"rate" json:"rate" above:"0/s" max:"100000/s"`
	// Timeout of a request from its planned time.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"5s" min:"1ms" max:"1h"`
	// Keepalive reuses connections, instead of one connection a request.
	Keepalive bool `yaml:"keepalive,omitempty" json:"keepalive,omitempty"`
	// Connections is the most that may be open at once. Without it there is no limit.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty" min:"1" max:"65535"`
	// Idle is how long a kept connection may carry nothing before the client closes it. Without it, the client keeps
	// connections to the end of the measured window. It goes with keepalive. A client that keeps them for longer than
	// the service (timeouts.idle) meets resets.
	Idle Duration `yaml:"idle,omitempty" json:"idle,omitempty" min:"1ms" max:"24h"`
	// Retry says what becomes of a request whose connection ends before a byte of the answer: off counts an error (as
	// Python's requests does by default), idle sends it once more on a new connection if the old one was kept from
	// before (as browsers, libcurl, Go's net/http and nginx do; RFC 9112, 9.3.1), always does so for new and refused
	// connections too. The metric http.retried counts them.
	Retry Retry `yaml:"retry,omitempty" json:"retry,omitzero" default:"idle" enum:"off,idle,always"`
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
