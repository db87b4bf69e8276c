package bulk

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/window"
	"github.com/ruleout/ruleout/harness/scenario"
)

// SinkRole is the agent role of the sink. Its configuration is a [SinkConfig], its result a [Taken].
const SinkRole = "bulk"

func init() { agent.Register(SinkRole, runSink) }

// SinkConfig configures a sink.
type SinkConfig struct {
	Port uint16 `json:"port"`
	window.Window
	// Ends of the loads that come to the sink, by their index, relative to the start of the measured window.
	Ends map[int]time.Duration `json:"ends,omitempty"`
}

// NewSinkConfig returns the configuration of the bulk service of a node.
func NewSinkConfig(s *scenario.Scenario, node string) SinkConfig {
	c := SinkConfig{Port: uint16(s.Nodes[node].Service.Bulk.Port), Window: window.Of(s),
		Ends: map[int]time.Duration{}}
	for i := range s.Load {
		if s.Load[i].Bulk != nil && s.Load[i].To == node {
			c.Ends[i] = NewLoadConfig(s, i, netip.AddrPort{}).End
		}
	}
	return c
}

// Taken is what a sink counted.
type Taken struct {
	Flows []Flow `json:"flows"`
}

// Flow is what came of one connection.
type Flow struct {
	// Load and Number say whose it is.
	Load   int `json:"load"`
	Number int `json:"number"`
	// Bytes came in all, Measured within the measured window, and Timely before the end of the load besides: what drains
	// afterwards was carried after it.
	Bytes    int64 `json:"bytes"`
	Measured int64 `json:"measured"`
	Timely   int64 `json:"timely"`
	// Ended is when the last byte had come and the sender had said so, in ns relative to the start of the measured window;
	// only if it Closed.
	Ended  int64 `json:"ended"`
	Closed bool  `json:"closed"`
	// Series is the bytes that came in each interval.
	Series []int64 `json:"series,omitempty"`
}

// conn is an open connection.
type conn struct {
	fd    socket.FD
	flow  Flow
	hello []byte
	known bool
}

type sink struct {
	*agent.Loop
	config   SinkConfig
	listener socket.FD
	conns    []*conn // by slot, which is not used again
	taken    Taken
	in       []byte
}

// listening is the slot of the listener.
const listening = 0

func runSink(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	s := &sink{in: make([]byte, 256<<10), conns: []*conn{nil}}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("decode configuration of bulk: %w", err)
	}
	var err error
	if s.Loop, err = agent.NewLoop(1024); err != nil {
		return nil, err
	}
	defer s.Close()
	if s.listener, err = socket.Listen(netip.AddrPortFrom(netip.IPv6Unspecified(), s.config.Port), 1024); err != nil {
		return nil, err
	}
	defer s.listener.Close()
	if errno := s.Poll.AddLevel(s.listener, socket.Key{Slot: listening}, unix.EPOLLIN); errno != 0 {
		return nil, fmt.Errorf("watch port %d: %w", s.config.Port, errno)
	}
	if err := s.Serve(ctx, c, SinkRole, s.loop); err != nil {
		return nil, err
	}
	for _, c := range s.conns[1:] {
		if c != nil {
			s.close(c)
		}
	}
	return s.taken, nil
}

func (s *sink) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, errno := s.Poll.Wait(s.handle); errno != 0 {
			return fmt.Errorf("wait for connections: %w", errno)
		}
	}
	return nil
}

func (s *sink) handle(e socket.Event) {
	switch slot := int(e.Key.Slot); {
	case slot == listening:
		s.accept()
	case s.conns[slot] != nil:
		if s.read(s.conns[slot]) {
			s.close(s.conns[slot])
			s.conns[slot] = nil
		}
	}
}

// accept takes one connection; the listener says again if there are more.
func (s *sink) accept() {
	fd, errno := s.listener.AcceptNonblocking()
	if errno != 0 {
		return
	}
	c := &conn{fd: fd}
	if n := s.config.Bins(); n > 0 {
		c.flow.Series = make([]int64, n)
	}
	s.conns = append(s.conns, c)
	if s.Poll.AddLevel(fd, socket.Key{Slot: int32(len(s.conns) - 1)}, unix.EPOLLIN) != 0 {
		s.close(c)
		s.conns[len(s.conns)-1] = nil
	}
}

// read takes what there is, in one turn, and tells whether the connection is over. If there is more, the poll says so
// again.
func (s *sink) read(c *conn) bool {
	for range turn {
		n, errno := c.fd.Read(s.in)
		now := s.Now()
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return true
		case n == 0:
			c.flow.Closed, c.flow.Ended = true, now
			return true
		}
		s.count(c, s.in[:n], now)
	}
	return false
}

func (s *sink) count(c *conn, b []byte, now int64) {
	if !c.known {
		c.hello = append(c.hello, b[:min(len(b), greetingSize-len(c.hello))]...)
		if len(c.hello) == greetingSize && binary.BigEndian.Uint32(c.hello) == magic {
			c.flow.Load = int(binary.BigEndian.Uint16(c.hello[4:]))
			c.flow.Number = int(binary.BigEndian.Uint16(c.hello[6:]))
			c.known = true
		}
	}
	n := int64(len(b))
	c.flow.Bytes += n
	if !s.config.Holds(now) {
		return
	}
	c.flow.Measured += n
	if end, ok := s.config.Ends[c.flow.Load]; !ok || now < int64(end) {
		c.flow.Timely += n
	}
	if i := s.config.Bin(now); i >= 0 {
		c.flow.Series[i] += n
	}
}

// close ends a connection and keeps what came of it, if it is one of ours.
func (s *sink) close(c *conn) {
	c.fd.Close()
	if c.known {
		s.taken.Flows = append(s.taken.Flows, c.flow)
	}
}
