package datagram

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/window"
	"github.com/ruleout/ruleout/harness/scenario"
)

// ServiceRole is the agent role of the service. Its configuration is a [ServiceConfig], its result a [Served].
const ServiceRole = "udp"

func init() { agent.Register(ServiceRole, runService) }

// ServiceConfig configures a service.
type ServiceConfig struct {
	Port uint16 `json:"port"`
	// Answer is the size of answers; 0 means none.
	Answer int `json:"answer,omitempty"`
	// Latency is the time for a datagram.
	Latency time.Duration `json:"latency,omitempty"`
	// Buffer is given to SO_RCVBUF; 0 leaves the default.
	Buffer int `json:"buffer,omitempty"`
	// Timeouts of the loads, by their index in the scenario.
	Timeouts map[int]time.Duration `json:"timeouts"`
	window.Window
}

// NewServiceConfig returns the configuration of the udp service of a node.
func NewServiceConfig(s *scenario.Scenario, node string) ServiceConfig {
	u := s.Nodes[node].Service.UDP
	c := ServiceConfig{Port: uint16(u.Port), Answer: int(u.Answer), Latency: time.Duration(u.Latency),
		Buffer: int(u.Buffer), Timeouts: map[int]time.Duration{}, Window: window.Of(s)}
	for i := range s.Load {
		if l := s.Load[i].UDP; l != nil && s.Load[i].To == node {
			c.Timeouts[i] = time.Duration(l.Timeout)
		}
	}
	return c
}

// Served is what a service counted, by the index of the load.
type Served struct {
	Loads map[int]*At `json:"loads"`
}

// At is what came of one load.
type At struct {
	Way
	// Answered is how many datagrams that were planned in the measured window the service answered, once each.
	Answered int64 `json:"answered"`
}

// Counters of a service, by their place in its tally.
const (
	countReceived = iota
	countAnswered
	countForeign
	counters
)

// Counters names the counters of a service in the order of its tally: the metrics of [metric.Datagrams].
func Counters() []string { return []string{"udp.received", "udp.answered", "udp.foreign"} }

type service struct {
	*agent.Loop
	config   ServiceConfig
	fd       socket.FD
	loads    map[int]*receiver
	answered map[int]int64
	in, out  []byte
	count    agent.Tally
}

func runService(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	s := &service{loads: map[int]*receiver{}, answered: map[int]int64{}, in: make([]byte, 64<<10),
		count: agent.TallyOf(c, counters)}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("decode configuration of udp: %w", err)
	}
	if s.config.Answer > 0 {
		s.out = make([]byte, max(s.config.Answer, headerSize))
	}
	for i, timeout := range s.config.Timeouts {
		s.loads[i] = newReceiver(s.config.Window, timeout)
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.Serve(ctx, c, ServiceRole, s.loop); err != nil {
		return nil, err
	}
	result := Served{Loads: map[int]*At{}}
	for i, r := range s.loads {
		result.Loads[i] = &At{Way: r.way, Answered: s.answered[i]}
	}
	return result, nil
}

func (s *service) open() (err error) {
	if s.Loop, err = agent.NewLoop(64); err != nil {
		return err
	}
	if s.fd, err = socket.ListenDatagrams(s.config.Port, s.config.Buffer); err != nil {
		s.Close()
		return err
	}
	if errno := s.Poll.Add(s.fd, socket.Key{}, unix.EPOLLIN); errno != 0 {
		s.close()
		return fmt.Errorf("watch UDP port %d: %w", s.config.Port, errno)
	}
	return nil
}

func (s *service) close() {
	s.fd.Close()
	s.Close()
}

// loop serves until ctx is done.
func (s *service) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, errno := s.Poll.Wait(func(socket.Event) {}); errno != 0 {
			return fmt.Errorf("wait for datagrams: %w", errno)
		}
		for ctx.Err() == nil && s.serve() {
		}
	}
	return nil
}

// serve takes one datagram; false if there is none.
func (s *service) serve() bool {
	var from socket.Address
	n, errno := s.fd.ReceiveFrom(s.in, &from)
	if errno != 0 {
		return errno == unix.EINTR || errno == unix.ECONNREFUSED // an answer that nobody wanted
	}
	now := agent.Now()
	var h header
	r := s.loads[-1]
	if h.read(s.in[:n]) && h.flags&answer == 0 {
		r = s.loads[int(h.load)]
	}
	if r == nil {
		s.count[countForeign].Add(1)
		return true
	}
	s.count[countReceived].Add(1)
	start := s.Start()
	fresh := r.arrived(&h, h.sent-start, now-start, n)
	if s.config.Latency > 0 {
		socket.SleepUntil(agent.Now() + int64(s.config.Latency))
	}
	if s.out == nil {
		return true
	}
	h.flags |= answer
	h.origin, h.sent = h.sent, agent.Now()
	h.write(s.out)
	if _, errno := s.fd.SendTo(s.out, &from); errno == 0 {
		s.count[countAnswered].Add(1)
		if fresh && h.flags&counted != 0 {
			s.answered[int(h.load)]++
		}
	}
	return true
}
