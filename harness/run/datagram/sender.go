package datagram

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/load"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/run/window"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// LoadRole is the agent role of the sender. Its configuration is a [LoadConfig], its result a [Sent].
const LoadRole = "udp-load"

func init() { agent.Register(LoadRole, runLoad) }

// LoadConfig configures a sender.
type LoadConfig struct {
	// To is the service.
	To netip.AddrPort `json:"to"`
	// Schedule and Index make the plan, with the seed that comes when the run begins.
	Schedule arrival.Schedule `json:"schedule"`
	Index    int              `json:"index"`
	// Size of what a datagram carries.
	Size int `json:"size"`
	// Timeout is how long a datagram, and an answer, may take one way.
	Timeout time.Duration `json:"timeout"`
	// Answers tells that the service answers.
	Answers bool `json:"answers"`
	// Ports are the source ports of the node's loads.
	Ports sourceport.Ports `json:"ports,omitzero"`
	window.Window
}

// NewLoadConfig returns the configuration of the udp load of a scenario that has an index, which goes to an address.
func NewLoadConfig(s *scenario.Scenario, index int, to netip.AddrPort) LoadConfig {
	u := s.Load[index].UDP
	return LoadConfig{
		To: to, Schedule: arrival.Of(s, index), Index: index, Size: int(u.Size), Timeout: time.Duration(u.Timeout),
		Answers: s.Nodes[s.Load[index].To].Service.UDP.Answer > 0, Window: window.Of(s),
		Ports: sourceport.Of(s, s.Load[index].From),
	}
}

// Sent is what a sender did and saw. Datagrams are those planned inside the measured window.
type Sent struct {
	// Planned datagrams; Sent are those that the kernel took, Unsent those that it did not.
	Planned int64 `json:"planned"`
	Sent    int64 `json:"sent"`
	Unsent  int64 `json:"unsent"`
	// Refused is how many ICMP messages port unreachable the sender received within the measured window.
	Refused int64 `json:"refused"`
	// Back is what became of the answers.
	Back Way `json:"back"`
	// RoundTrip is the time from sending a datagram to taking its answer, of those whose answer came in time.
	RoundTrip load.Histogram `json:"round_trip"`
	// Late is how far the sender was behind its plan.
	Late load.Histogram `json:"late"`
	// Left is how many were handed over in each interval of the measured window.
	Left []int64 `json:"left,omitempty"`
}

// sender is the loop; all of its state belongs to the loop's thread.
type sender struct {
	*agent.Loop
	config  LoadConfig
	plan    []int64
	next    int
	fd      socket.FD
	out, in []byte
	back    *receiver
	result  Sent
}

func runLoad(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	var config LoadConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("decode configuration of udp load: %w", err)
	}
	if !config.To.IsValid() || config.Size < headerSize || config.Timeout <= 0 || config.Duration <= 0 {
		return nil, fmt.Errorf("udp load: address, size, timeout or duration out of range")
	}
	s, err := newSender(config)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if _, err := s.Generate(ctx, c, LoadRole, s.draw, s.loop); err != nil {
		return nil, err
	}
	s.result.Back = s.back.way
	return s.result, nil
}

func newSender(config LoadConfig) (_ *sender, err error) {
	s := &sender{config: config, fd: socket.None, out: make([]byte, config.Size), in: make([]byte, 64<<10),
		back: newReceiver(config.Window, config.Timeout)}
	if s.Loop, err = agent.NewLoop(64); err != nil {
		return nil, err
	}
	address := socket.NewAddress(config.To)
	fd, errno := socket.Datagram(address.Family())
	if errno == 0 {
		s.fd = fd
		config.Ports.Bind(fd, address.Family(), sourceport.Socket{Load: config.Index})
		errno = fd.Connect(&address)
	}
	if errno == 0 {
		errno = s.Poll.Add(fd, socket.Key{}, unix.EPOLLIN)
	}
	if errno != 0 {
		s.close()
		return nil, fmt.Errorf("open UDP socket to %s: %w", config.To, errno)
	}
	return s, nil
}

func (s *sender) close() {
	if s.fd != socket.None {
		s.fd.Close()
	}
	s.Close()
}

// draw makes the plan.
func (s *sender) draw(b agent.Beginning) error {
	s.plan = arrival.Plan(s.config.Schedule, b.Seed, s.config.Index)
	for _, at := range s.plan {
		if s.config.Holds(at) {
			s.result.Planned++
		}
	}
	if n := s.config.Bins(); n > 0 {
		s.result.Left = make([]int64, n)
	}
	return nil
}

// refused counts an ICMP message, within the measured window.
func (s *sender) refused() {
	if s.config.Holds(s.Now()) {
		s.result.Refused++
	}
}

// loop sends by the plan, and then waits for as long as the last may take, there and back.
func (s *sender) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		now := s.Now()
		for s.next < len(s.plan) && s.plan[s.next] <= now {
			s.send(now)
			now = s.Now()
		}
		s.receive()
		at := s.end()
		if s.next < len(s.plan) {
			at = s.plan[s.next]
		} else if at <= s.Now() {
			return nil
		}
		if errno := s.Poll.Alarm(s.Start() + at); errno != 0 {
			return fmt.Errorf("set timer: %w", errno)
		}
		if _, errno := s.Poll.Wait(func(socket.Event) {}); errno != 0 {
			return fmt.Errorf("wait for socket: %w", errno)
		}
	}
	return nil
}

// end is when nothing more can come in time.
func (s *sender) end() int64 {
	if len(s.plan) == 0 {
		return 0
	}
	wait := int64(s.config.Timeout)
	if s.config.Answers {
		wait *= 2
	}
	return s.plan[len(s.plan)-1] + wait
}

// send hands the next datagram to the kernel.
func (s *sender) send(now int64) {
	at := s.plan[s.next]
	h := header{load: uint16(s.config.Index), number: uint64(s.next)}
	s.next++
	if s.config.Holds(at) {
		h.flags |= counted
		s.result.Late.Record(now - at)
	}
	h.sent = agent.Now()
	h.write(s.out)
	_, errno := s.fd.Write(s.out)
	if errno == unix.ECONNREFUSED { // of an earlier one: the kernel says so once, and has sent nothing
		s.refused()
		_, errno = s.fd.Write(s.out)
	}
	switch {
	case errno == 0:
		if h.flags&counted != 0 {
			s.result.Sent++
		}
		if i := s.config.Bin(h.sent - s.Start()); i >= 0 {
			s.result.Left[i]++
		}
	case h.flags&counted != 0:
		s.result.Unsent++
	}
}

// receive takes the answers that are there.
func (s *sender) receive() {
	for {
		n, errno := s.fd.Read(s.in)
		switch {
		case errno == unix.ECONNREFUSED:
			s.refused()
			continue
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return
		}
		now := agent.Now()
		var h header
		if !h.read(s.in[:n]) || h.flags&answer == 0 || int(h.load) != s.config.Index {
			continue // from elsewhere
		}
		fresh := s.back.arrived(&h, h.sent-s.Start(), now-s.Start(), n)
		if fresh && h.flags&counted != 0 && now-h.sent <= int64(s.config.Timeout) {
			s.result.RoundTrip.Record(now - h.origin)
		}
	}
}
