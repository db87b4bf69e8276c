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
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/scenario"
)

// LoadRole is the agent role of the sender. Its configuration is a [LoadConfig], its result a [Sent].
const LoadRole = "bulk-load"

func init() { agent.Register(LoadRole, runLoad) }

// LoadConfig configures a sender.
type LoadConfig struct {
	To    netip.AddrPort `json:"to"`
	Index int            `json:"index"` // of the load in the scenario
	Flows int            `json:"flows"`
	// Bytes of each flow; 0 means to the end.
	Bytes int64 `json:"bytes,omitempty"`
	// From and End bound the load, relative to the start of the measured window.
	From time.Duration `json:"from"`
	End  time.Duration `json:"end"`
	// Ports are the source ports of the node's loads.
	Ports sourceport.Ports `json:"ports,omitzero"`
}

// NewLoadConfig returns the configuration of the bulk load of a scenario that has an index, which goes to an address.
func NewLoadConfig(s *scenario.Scenario, index int, to netip.AddrPort) LoadConfig {
	b := s.Load[index].Bulk
	c := LoadConfig{To: to, Index: index, Flows: b.Flows, Bytes: int64(b.Bytes), From: -time.Duration(s.Warmup),
		Ports: sourceport.Of(s, s.Load[index].From)}
	if b.At != nil {
		c.From = time.Duration(*b.At)
	}
	c.End = min(time.Duration(s.Duration), c.From+time.Duration(b.For))
	return c
}

// Sent is what a sender did.
type Sent struct {
	// Flows that it began, and those that failed: refused, reset, or without an answer.
	Flows  int64 `json:"flows"`
	Failed int64 `json:"failed"`
	// Began is when each flow called connect(2), in ns relative to the start of the measured window.
	Began []int64 `json:"began"`
}

// greetingSize is what a flow begins with: magic (4 bytes), load (2), flow (2).
const (
	greetingSize = 8
	magic        = 0x72756c66 // "rulf"
)

func greeting(load, flow int) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, greetingSize), magic)
	b = binary.BigEndian.AppendUint16(b, uint16(load))
	return binary.BigEndian.AppendUint16(b, uint16(flow))
}

type flow struct {
	fd    socket.FD
	left  int64  // to write; not used up without a bound
	hello []byte // what is left of the greeting
	over  bool
	more  bool // it had its turn, and there was room for more
	shut  bool // all is written, and the kernel was told so
}

type sender struct {
	*agent.Loop
	config LoadConfig
	flows  []flow
	open   int
	more   bool // a flow has room for more
	zeros  []byte
	result Sent
}

func runLoad(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	s := &sender{zeros: make([]byte, 64<<10)}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("decode configuration of bulk load: %w", err)
	}
	if !s.config.To.IsValid() || s.config.Flows < 1 || s.config.Bytes < 0 || s.config.End <= s.config.From {
		return nil, fmt.Errorf("bulk load: address, flows, bytes or time out of range")
	}
	var err error
	if s.Loop, err = agent.NewLoop(s.config.Flows + 64); err != nil {
		return nil, err
	}
	defer s.Close()
	begin := func(agent.Beginning) error { return nil }
	if _, err := s.Generate(ctx, c, LoadRole, begin, s.loop); err != nil {
		return nil, err
	}
	return s.result, nil
}

// loop begins all flows when it is time, and writes until they are through or the time is over.
func (s *sender) loop(ctx context.Context) error {
	defer s.finish()
	for ctx.Err() == nil {
		at := int64(s.config.From)
		if now := s.Now(); now >= at {
			if s.flows == nil {
				s.begin(now)
			}
			if at = int64(s.config.End); now >= at || s.open == 0 {
				return nil
			}
		}
		at += s.Start()
		if s.more {
			at = 0 // do not wait
		}
		if errno := s.Poll.Alarm(at); errno != 0 {
			return fmt.Errorf("set timer: %w", errno)
		}
		if _, errno := s.Poll.Wait(s.handle); errno != 0 {
			return fmt.Errorf("wait for sockets: %w", errno)
		}
		s.goOn()
	}
	return nil
}

// goOn gives a turn to each flow that had room for more.
func (s *sender) goOn() {
	s.more = false
	for i := range s.flows {
		if f := &s.flows[i]; f.more && !f.over {
			f.more = false
			s.write(i)
		}
	}
}

// turn is how many writes or reads a connection has before the others: on another CPU the other end may be as fast.
const turn = 16

// finish ends all flows. One that has not sent its greeting got no answer.
func (s *sender) finish() {
	for i := range s.flows {
		if f := &s.flows[i]; !f.over && len(f.hello) == greetingSize {
			s.fail(i)
		} else {
			s.end(i)
		}
	}
}

// begin opens all flows.
func (s *sender) begin(now int64) {
	to := socket.NewAddress(s.config.To)
	s.flows = make([]flow, s.config.Flows)
	for i := range s.flows {
		s.flows[i] = flow{fd: socket.None, left: s.config.Bytes, hello: greeting(s.config.Index, i)}
		s.result.Flows++
		s.result.Began = append(s.result.Began, now)
		fd, errno := socket.Stream(to.Family(), false)
		if errno == 0 {
			s.flows[i].fd = fd
			s.config.Ports.Bind(fd, to.Family(), sourceport.Socket{Load: s.config.Index, Request: i})
			if errno = fd.Connect(&to); errno == 0 || errno == unix.EINPROGRESS {
				errno = s.Poll.Add(fd, socket.Key{Slot: int32(i)}, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP)
			}
		}
		s.open++
		if errno != 0 {
			s.fail(i)
		}
		now = s.Now()
	}
}

func (s *sender) handle(e socket.Event) {
	i := int(e.Key.Slot)
	if s.flows[i].over {
		return
	}
	f := &s.flows[i]
	switch {
	case e.Flags&(unix.EPOLLERR|unix.EPOLLHUP) != 0 && f.fd.Pending() != 0:
		s.fail(i)
	case e.Flags&unix.EPOLLRDHUP != 0: // the sink has read all of it, or has gone
		if s.config.Bytes == 0 || f.left > 0 {
			s.fail(i)
		} else {
			s.end(i)
		}
	case e.Flags&unix.EPOLLOUT != 0:
		s.write(i)
	}
}

// write hands over as much as there is room for, in one turn.
func (s *sender) write(i int) {
	f := &s.flows[i]
	for writes := 0; s.config.Bytes == 0 || f.left > 0; writes++ {
		if writes == turn {
			f.more, s.more = true, true
			return
		}
		b := s.zeros
		if len(f.hello) > 0 {
			b = f.hello
		}
		if s.config.Bytes > 0 {
			b = b[:min(int64(len(b)), f.left)]
		}
		n, errno := f.fd.Write(b)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			s.fail(i)
			return
		}
		f.left -= int64(n)
		f.hello = f.hello[min(n, len(f.hello)):]
	}
	// shutdown(2) wakes whoever polls the socket, each time: this one, for another turn.
	if !f.shut {
		f.shut = true
		f.fd.ShutdownWrite()
	}
}

func (s *sender) fail(i int) {
	s.result.Failed++
	s.end(i)
}

// end closes a flow; the kernel sends what it has taken.
func (s *sender) end(i int) {
	f := &s.flows[i]
	if f.over {
		return
	}
	f.over = true
	s.open--
	if f.fd != socket.None {
		f.fd.Close()
	}
}
