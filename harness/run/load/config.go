package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// Config configures a generator.
type Config struct {
	// To is the server.
	To netip.AddrPort `json:"to"`
	// Schedule and Index make the plan, with the seed that comes when the run begins.
	Schedule arrival.Schedule `json:"schedule"`
	Index    int              `json:"index"`
	// Users in a closed loop ask instead, from the schedule's beginning to its end; nil means an open loop.
	Users *scenario.Users `json:"users,omitempty"`
	// Path of the page; {n} stands for the number of the request. Empty means /index.php.
	Path string `json:"path,omitempty"`
	// Duration of the measured window.
	Duration time.Duration `json:"duration"`
	// Timeout of a request from its planned time.
	Timeout time.Duration `json:"timeout"`
	// Keepalive reuses connections, the one that was used last first.
	Keepalive bool `json:"keepalive"`
	// Connections is the most that are open at once; 0 means no limit. With all of them busy, requests wait in order.
	Connections int `json:"connections"`
	// Idle is how long a kept connection may carry nothing before it is closed; 0 means to the end of the window.
	Idle time.Duration `json:"idle,omitempty"`
	// KeepaliveRequests is the most requests on a connection; 0 means no limit.
	KeepaliveRequests int `json:"keepalive_requests,omitempty"`
	// Retry says which requests are sent again when their connection ends before the answer; empty means idle.
	Retry scenario.Retry `json:"retry,omitempty"`
	// Probes has the kernel send keepalive probes.
	Probes bool `json:"probes,omitempty"`
	// Writes is in how many pieces a request is handed to the kernel; 0 means one.
	Writes int `json:"writes,omitempty"`
	// NoDelay turns Nagle's algorithm off.
	NoDelay bool `json:"no_delay,omitempty"`
	// Resolver looks the server's name up for each new connection; nil means that To is known.
	Resolver *dns.Options `json:"resolver,omitempty"`
	// ConnectTimeout and FirstByteTimeout end an attempt; 0 means never. AbortAfter and AbortBytes end a request on
	// purpose; 0 means never.
	ConnectTimeout   time.Duration `json:"connect_timeout,omitempty"`
	FirstByteTimeout time.Duration `json:"first_byte_timeout,omitempty"`
	AbortAfter       time.Duration `json:"abort_after,omitempty"`
	AbortBytes       int64         `json:"abort_bytes,omitempty"`
	// Retries is how often a request may be sent again; 0 means once, and not after a timeout. RetryWait is the time
	// before that.
	Retries   int           `json:"retries,omitempty"`
	RetryWait time.Duration `json:"retry_wait,omitempty"`
	// Body of a request in bytes; 0 means GET.
	Body int `json:"body,omitempty"`
	// Reads and Sends are slow ways to read and write.
	Reads *scenario.Slow `json:"reads,omitempty"`
	Sends *scenario.Slow `json:"sends,omitempty"`
	// Ports are the source ports of connections and lookups.
	Ports sourceport.Ports `json:"ports,omitzero"`
	// Interval of the series; 0 means no series.
	Interval time.Duration `json:"interval"`
}

// NewConfig returns the configuration of the load of a scenario that has an index, which goes to an address.
func NewConfig(s *scenario.Scenario, index int, to netip.AddrPort) Config {
	h := s.Load[index].HTTP
	c := Config{
		To:          to,
		Schedule:    arrival.Of(s, index),
		Index:       index,
		Users:       h.Users,
		Path:        string(h.Path),
		Duration:    time.Duration(s.Duration),
		Timeout:     time.Duration(h.Timeout),
		Keepalive:   h.Keepalive,
		Connections: h.Connections,
		Idle:        time.Duration(h.Idle),
		Retry:       h.Retry,
		Probes:      h.Probes,
		Writes:      h.Writes,
		NoDelay:     h.NoDelay,

		KeepaliveRequests: h.KeepaliveRequests,
		ConnectTimeout:    time.Duration(h.ConnectTimeout),
		FirstByteTimeout:  time.Duration(h.FirstByteTimeout),
		Retries:           h.Retries,
		RetryWait:         time.Duration(h.RetryWait),
		Body:              int(h.Body),
		Reads:             h.Reads,
		Sends:             h.Sends,
		Ports:             sourceport.Of(s, s.Load[index].From),
	}
	if h.Abort != nil {
		c.AbortAfter, c.AbortBytes = time.Duration(h.Abort.After), int64(h.Abort.Bytes)
	}
	if s.Timeline != nil {
		c.Interval = time.Duration(*s.Timeline)
	}
	return c
}

func (c *Config) check() error {
	switch {
	case !c.To.IsValid():
		return fmt.Errorf("load: no address to go to")
	case c.Timeout <= 0 || c.Duration <= 0:
		return fmt.Errorf("load: timeout and duration must be positive")
	case c.Connections < 0 || c.Interval < 0 || c.Idle < 0:
		return fmt.Errorf("load: connections, interval and idle must not be negative")
	case c.Writes < 0 || c.Writes > len(c.request()):
		return fmt.Errorf("load: a request of %d bytes cannot be written in %d pieces", len(c.request()), c.Writes)
	}
	return nil
}

// letter holds the bytes of a request. Each request that differs from the last overwrites them in the same memory: the
// generator collects no garbage.
type letter []byte

// write makes it the request of a number.
func (l *letter) write(c *Config, i int) { *l = c.append((*l)[:0], i) }

// pieceEnd returns where a write ends that begins at a byte of the text, if it goes out in so many pieces: piece k ends
// at (k+1) × size / pieces. A piece that went out in part is written to its end.
func (l letter) pieceEnd(written, pieces int) int {
	size, n := int64(len(l)), int64(pieces)
	k := int64(written) * n / size
	for (k+1)*size/n <= int64(written) {
		k++
	}
	return int((k + 1) * size / n)
}

// request returns what is sent for the first request.
func (c *Config) request() []byte { return c.append(nil, 0) }

func (c *Config) append(text []byte, i int) []byte {
	if c.Body > 0 {
		text = append(text, "POST "...)
	} else {
		text = append(text, "GET "...)
	}
	text = scenario.Page(cmp.Or(c.Path, "/index.php")).Append(text, i)
	text = append(text, " HTTP/1.1\r\nHost: "...)
	if c.Resolver != nil {
		text = append(text, c.Resolver.Name...)
	} else {
		text = c.To.AppendTo(text)
	}
	text = append(text, "\r\nUser-Agent: ruleout\r\nAccept: */*\r\nConnection: "...)
	if c.Keepalive {
		text = append(text, "keep-alive\r\n"...)
	} else {
		text = append(text, "close\r\n"...)
	}
	if c.Body == 0 {
		return append(text, "\r\n"...)
	}
	text = append(text, "Content-Type: application/octet-stream\r\nContent-Length: "...)
	text = strconv.AppendInt(text, int64(c.Body), 10)
	text = append(text, "\r\n\r\n"...)
	for n := c.Body; n > 0; n -= len(filler) {
		text = append(text, filler[:min(n, len(filler))]...)
	}
	return text
}

// filler is what bodies are made of.
const filler = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
