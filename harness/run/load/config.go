package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
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
	case c.Writes < 0 || c.Writes > len(c.request(0)):
		return fmt.Errorf("load: a request of %d bytes cannot be written in %d pieces", len(c.request(0)), c.Writes)
	}
	return nil
}

// numbered tells whether each request is another one.
func (c *Config) numbered() bool { return strings.Contains(c.Path, number) }

// number stands for that of the request in a path.
const number = "{n}"

// pieces returns what is sent for a request, cut as it is written.
func (c *Config) pieces(i int) [][]byte {
	text, n := c.request(i), max(c.Writes, 1)
	list := make([][]byte, n)
	for i := range list {
		list[i] = text[i*len(text)/n : (i+1)*len(text)/n]
	}
	return list
}

// request returns what is sent for the request of a number.
func (c *Config) request(i int) []byte {
	path := strings.ReplaceAll(cmp.Or(c.Path, "/index.php"), number, strconv.Itoa(i))
	connection := "close"
	if c.Keepalive {
		connection = "keep-alive"
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + c.To.String() +
		"\r\nUser-Agent: ruleout\r\nAccept: */*\r\nConnection: " + connection + "\r\n\r\n")
}
