package dns

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// ServerRole is the agent role of the name server. Its configuration is a [ServerConfig]; it has no result.
const ServerRole = "dns"

func init() { agent.Register(ServerRole, runServer) }

// ServerConfig configures a name server.
type ServerConfig struct {
	Port uint16 `json:"port"`
	// Names and their addresses; an address that is not valid is none (NODATA).
	Names map[string]Addresses `json:"names"`
	// Delay from a query to its answer.
	Delay time.Duration `json:"delay,omitempty"`
	// TTL of answers in seconds.
	TTL uint32 `json:"ttl"`
	// Drop and Servfail are the types of queries that get no answer, or an error.
	Drop     scenario.QueryType `json:"drop,omitempty"`
	Servfail scenario.QueryType `json:"servfail,omitempty"`
}

// Addresses of a name.
type Addresses struct {
	A    netip.Addr `json:"a,omitzero"`
	AAAA netip.Addr `json:"aaaa,omitzero"`
}

// NewServerConfig returns the configuration of a scenario's dns service, whose names have these addresses.
func NewServerConfig(d *scenario.DNS, names map[string]Addresses) ServerConfig {
	return ServerConfig{Port: uint16(d.Port), Names: names, Delay: time.Duration(d.Delay),
		TTL: uint32(time.Duration(d.TTL) / time.Second), Drop: d.Drop, Servfail: d.Servfail}
}

// Counters of a server, by their place in its tally.
const (
	countQueries = iota
	countAnswers
	countErrors
	countUnknown
	countDropped
	countMalformed
	serverCounters
)

// Counters names the counters of a server in the order of its tally: the metrics of [metric.NameServer].
func Counters() []string {
	return []string{"dns.queries", "dns.answered", "dns.servfail", "dns.nxdomain", "dns.dropped", "dns.malformed"}
}

// pending is an answer whose time has not come.
type pending struct {
	at   int64
	to   socket.Address
	text []byte
	kind int // counter
}

type server struct {
	*agent.Loop
	config ServerConfig
	fd     socket.FD
	queue  []pending // in the order of their times, since all wait for as long
	in     []byte
	count  agent.Tally
}

func runServer(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	s := &server{in: make([]byte, 4096), count: c.Tally()}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("decode configuration of dns: %w", err)
	}
	if len(s.count) != serverCounters {
		s.count = make(agent.Tally, serverCounters)
	}
	var err error
	if s.Loop, err = agent.NewLoop(64); err != nil {
		return nil, err
	}
	defer s.Close()
	if s.fd, err = socket.ListenDatagrams(s.config.Port, 0); err != nil {
		return nil, err
	}
	defer s.fd.Close()
	if errno := s.Poll.Add(s.fd, socket.Key{}, unix.EPOLLIN); errno != 0 {
		return nil, fmt.Errorf("watch UDP port %d: %w", s.config.Port, errno)
	}
	return struct{}{}, s.Serve(ctx, c, ServerRole, s.loop)
}

func (s *server) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		for s.take() {
		}
		now := agent.Now()
		for len(s.queue) > 0 && s.queue[0].at <= now {
			s.send(&s.queue[0])
			s.queue = s.queue[1:]
		}
		if len(s.queue) > 0 {
			if errno := s.Poll.Alarm(s.queue[0].at); errno != 0 {
				return fmt.Errorf("set timer: %w", errno)
			}
		}
		if _, errno := s.Poll.Wait(func(socket.Event) {}); errno != 0 {
			return fmt.Errorf("wait for queries: %w", errno)
		}
	}
	return nil
}

// take takes one query; false if there is none.
func (s *server) take() bool {
	var p pending
	n, errno := s.fd.ReceiveFrom(s.in, &p.to)
	if errno != 0 {
		return errno == unix.EINTR || errno == unix.ECONNREFUSED // an answer that nobody wanted any more
	}
	p.text, p.kind = s.answer(s.in[:n])
	switch {
	case p.kind == countMalformed:
		s.count[countMalformed].Add(1)
		return true
	case p.text == nil:
		s.count[countQueries].Add(1)
		s.count[countDropped].Add(1)
		return true
	}
	s.count[countQueries].Add(1)
	p.at = agent.Now() + int64(s.config.Delay)
	if s.config.Delay == 0 {
		s.send(&p)
	} else {
		s.queue = append(s.queue, p)
	}
	return true
}

func (s *server) send(p *pending) {
	if _, errno := s.fd.SendTo(p.text, &p.to); errno == 0 {
		s.count[p.kind].Add(1)
	}
}

// answer says what a query is answered with, and as what it counts. There is no text if it is dropped or cannot be
// read.
func (s *server) answer(query []byte) ([]byte, int) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil, countMalformed
	}
	q, err := p.Question()
	if err != nil {
		return nil, countMalformed
	}
	if is(s.config.Drop, q.Type) {
		return nil, countDropped
	}
	head := dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RecursionDesired: h.RecursionDesired,
		RecursionAvailable: true}
	known, ok := s.config.Names[plainName(q.Name)]
	kind := countAnswers
	switch {
	case is(s.config.Servfail, q.Type):
		head.RCode, head.Authoritative, kind = dnsmessage.RCodeServerFailure, false, countErrors
		known = Addresses{}
	case !ok:
		head.RCode, kind = dnsmessage.RCodeNameError, countUnknown
	}
	text, err := s.write(head, q, known)
	if err != nil {
		return nil, countMalformed
	}
	return text, kind
}

// is tells whether a query is of a type that the scenario names.
func is(what scenario.QueryType, of dnsmessage.Type) bool {
	switch what {
	case scenario.QueryAll:
		return true
	case scenario.QueryA:
		return of == dnsmessage.TypeA
	case scenario.QueryAAAA:
		return of == dnsmessage.TypeAAAA
	}
	return false
}

func (s *server) write(head dnsmessage.Header, q dnsmessage.Question, known Addresses) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, head)
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	record := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: s.config.TTL}
	var err error
	switch {
	case q.Type == dnsmessage.TypeA && known.A.Is4():
		err = b.AResource(record, dnsmessage.AResource{A: known.A.As4()})
	case q.Type == dnsmessage.TypeAAAA && known.AAAA.Is6():
		err = b.AAAAResource(record, dnsmessage.AAAAResource{AAAA: known.AAAA.As16()})
	}
	if err != nil {
		return nil, err
	}
	return b.Finish()
}
