package dns

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/fifo"
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
	text [longest]byte
	size int
	kind int // counter
}

// longest is the size of the longest answer: header, question with the longest name (RFC 1035, 4.1), and one record
// with an address of IPv6 whose name is a pointer.
const longest = 12 + 255 + 4 + 2 + 10 + 16

type server struct {
	*agent.Loop
	config ServerConfig
	fd     socket.FD
	queue  fifo.Queue[pending] // in the order of their times, since all wait for as long
	last   pending             // that was taken
	in     []byte
	count  agent.Tally
}

func runServer(ctx context.Context, raw json.RawMessage, c agent.Control) (any, error) {
	s := &server{in: make([]byte, 4096), count: agent.TallyOf(c, serverCounters)}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, fmt.Errorf("decode configuration of dns: %w", err)
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
		s.sendDue(now)
		if s.queue.Len() > 0 {
			if errno := s.Poll.Alarm(s.queue.First().at); errno != 0 {
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
	p := &s.last
	n, errno := s.fd.ReceiveFrom(s.in, &p.to)
	if errno != 0 {
		return errno == unix.EINTR || errno == unix.ECONNREFUSED // an answer that nobody wanted any more
	}
	text, kind := s.answer(p.text[:0], s.in[:n])
	switch {
	case kind == countMalformed:
		s.count[countMalformed].Add(1)
		return true
	case text == nil:
		s.count[countQueries].Add(1)
		s.count[countDropped].Add(1)
		return true
	}
	s.count[countQueries].Add(1)
	p.at, p.size, p.kind = agent.Now()+int64(s.config.Delay), len(text), kind
	if s.config.Delay == 0 {
		s.send(p)
	} else {
		s.queue.Push(*p)
	}
	return true
}

// sendDue sends the answers whose time has come.
func (s *server) sendDue(now int64) {
	for s.queue.Len() > 0 && s.queue.First().at <= now {
		s.send(s.queue.First())
		s.queue.Pop()
	}
}

func (s *server) send(p *pending) {
	if _, errno := s.fd.SendTo(p.text[:p.size], &p.to); errno == 0 {
		s.count[p.kind].Add(1)
	}
}

// answer appends to a buffer what a query is answered with, and tells as what it counts. There is no text if it is
// dropped or cannot be read.
func (s *server) answer(text, query []byte) ([]byte, int) {
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
	var key [len(q.Name.Data)]byte
	known, ok := s.config.Names[string(plain(key[:0], &q.Name))]
	kind := countAnswers
	switch {
	case is(s.config.Servfail, q.Type):
		head.RCode, head.Authoritative, kind = dnsmessage.RCodeServerFailure, false, countErrors
		known = Addresses{}
	case !ok:
		head.RCode, kind = dnsmessage.RCodeNameError, countUnknown
	}
	if text, err = s.write(text, head, q, known); err != nil {
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

// write appends an answer. The name of its record is a pointer to the question's, by hand: dnsmessage would make a map
// of names for that, for each answer.
func (s *server) write(text []byte, head dnsmessage.Header, q dnsmessage.Question, known Addresses) ([]byte, error) {
	text, err := ask(text, head, q)
	if err != nil {
		return nil, err
	}
	var address []byte
	switch {
	case q.Type == dnsmessage.TypeA && known.A.Is4():
		a := known.A.As4()
		address = a[:]
	case q.Type == dnsmessage.TypeAAAA && known.AAAA.Is6():
		a := known.AAAA.As16()
		address = a[:]
	default:
		return text, nil
	}
	binary.BigEndian.PutUint16(text[6:], 1) // answers
	text = append(text, 0xc0, 12)           // the name is at 12, behind the header (RFC 1035, 4.1.4)
	text = binary.BigEndian.AppendUint16(text, uint16(q.Type))
	text = binary.BigEndian.AppendUint16(text, uint16(dnsmessage.ClassINET))
	text = binary.BigEndian.AppendUint32(text, s.config.TTL)
	text = binary.BigEndian.AppendUint16(text, uint16(len(address)))
	return append(text, address...), nil
}
