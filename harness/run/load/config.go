package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

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
type letter struct {
	text   []byte
	pieces [][]byte
}

// write returns the request of a number, cut as it is written.
func (l *letter) write(c *Config, i int) [][]byte {
	l.text, l.pieces = c.append(l.text[:0], i), l.pieces[:0]
	size, n := len(l.text), max(c.Writes, 1)
	for k := range n {
		l.pieces = append(l.pieces, l.text[k*size/n:(k+1)*size/n])
	}
	return l.pieces
}

// request returns what is sent for the first request.
func (c *Config) request() []byte { return c.append(nil, 0) }

func (c *Config) append(text []byte, i int) []byte {
	text = append(text, "GET "...)
	text = scenario.Page(cmp.Or(c.Path, "/index.php")).Append(text, i)
	text = append(text, " HTTP/1.1\r\nHost: "...)
	text = c.To.AppendTo(text)
	text = append(text, "\r\nUser-Agent: ruleout\r\nAccept: */*\r\nConnection: "...)
	if c.Keepalive {
		return append(text, "keep-alive\r\n\r\n"...)
	}
	return append(text, "close\r\n\r\n"...)
}
