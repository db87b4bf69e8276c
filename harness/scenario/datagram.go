package scenario

import "fmt"

// UDPLoad sends datagrams, open loop: each leaves when planned, whatever became of the others. The udp service at the
// other end tells by their sequence numbers which are missing, double or out of order, and by the one clock of the
// machine how long each took one way. If it answers, the same is known of the answers.
type UDPLoad struct {
	// Port to send to. Without it, that of the node's udp service.
	Port int `yaml:"port,omitempty" json:"port" min:"1" max:"65535"`
	// Size of what a datagram carries, without the headers of UDP (8 bytes) and IP. More than the MTU has room for
	// (1472 bytes with IPv4, an MTU of 1500) is sent in fragments, and one lost fragment loses the datagram.
	Size Size `yaml:"size,omitempty" json:"size" default:"200B" min:"32B" max:"65507B"`
	// Arrivals is constant (evenly spaced, as of a call or a sensor) or poisson (exponential gaps drawn from the seed).
	Arrivals Arrivals `yaml:"arrivals,omitempty" json:"arrivals" default:"constant" enum:"constant,poisson"`
	// First is when the first of constant datagrams leaves, from the load's beginning. Without it, the seed draws it,
	// evenly within one gap (1/rate).
	First *Duration `yaml:"first,omitempty" json:"first,omitempty" min:"0s"`
	// Rate of datagrams, such as 50/s.
	Rate Frequency `yaml:"rate" json:"rate" above:"0/s" max:"100000/s"`
	// Timeout is how long a datagram may take one way, and an answer. What comes later is lost, and counts as late too.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout" default:"1s" min:"1ms" max:"1m"`
	// IPv6 uses the node's IPv6 address.
	IPv6 bool `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	// Phase is the name of the phase in which datagrams are sent; it stands for at and for.
	Phase string `yaml:"phase,omitempty" json:"-"`
	// At is when the load starts, relative to the start of the measured window. Without it, the load starts
	// with the warm-up.
	At *Duration `yaml:"at,omitempty" json:"at,omitempty" min:"0s"`
	// For is how long datagrams are sent. Without it, to the end of the measured window.
	For Duration `yaml:"for,omitempty" json:"for" min:"1ms"`
	// Late is the bound on the 99th percentile of how far the sender may fall behind its own plan before the run is
	// invalid.
	Late Duration `yaml:"late,omitempty" json:"late" default:"5ms" min:"1us" max:"1m"`
}

// UDP is a service that receives the datagrams of udp loads. It answers each of them if answer is set.
type UDP struct {
	// Port to listen on.
	Port int `yaml:"port,omitempty" json:"port" default:"9000" min:"1" max:"65535"`
	// Answer is the size of the answer to each datagram. Without it there is none.
	Answer Size `yaml:"answer,omitempty" json:"answer,omitempty" min:"32B" max:"65507B"`
	// Latency is how long the service takes for a datagram, asleep, before it answers and turns to the next: what comes
	// meanwhile waits in the receive buffer.
	Latency Duration `yaml:"latency,omitempty" json:"latency,omitempty" min:"1us" max:"1m"`
	// Buffer asks for a receive buffer of this size (SO_RCVBUF): the kernel doubles it, counts its own overhead for each
	// datagram in it, and cuts it to the sysctl net.core.rmem_max. Without it, the kernel's default. What finds no room
	// is lost and counts in Udp.RcvbufErrors.
	Buffer Size `yaml:"buffer,omitempty" json:"buffer,omitempty" min:"2304B" max:"16MB"`
}

// Pace is when the requests or the datagrams of a load leave, and how much later its own sender may be.
type Pace struct {
	// Kind is the key of the load: http, udp or bulk, which has no arrivals.
	Kind     string
	Arrivals Arrivals
	First    *Duration
	Rate     Frequency
	Phase    string
	At       *Duration
	For      Duration
	Late     Duration
	// Timeout is how long what was sent last is waited for.
	Timeout Duration
	IPv6    bool
	Port    int
}

// Pace returns that of a load; false for a kind that has none.
func (t *Traffic) Pace() (Pace, bool) {
	switch {
	case t.HTTP != nil:
		h := t.HTTP
		return Pace{"http", h.Arrivals, h.First, h.Rate, h.Phase, h.At, h.For, h.Late, h.Timeout, h.IPv6, h.Port}, true
	case t.UDP != nil:
		u := t.UDP
		return Pace{"udp", u.Arrivals, u.First, u.Rate, u.Phase, u.At, u.For, u.Late, u.Timeout, u.IPv6, u.Port}, true
	}
	if b := t.Bulk; b != nil {
		return Pace{Kind: "bulk", Phase: b.Phase, At: b.At, For: b.For, IPv6: b.IPv6, Port: b.Port}, true
	}
	return Pace{}, false
}

// Bytes before what a datagram carries (RFC 791, 3.1, without options; RFC 8200, 3; RFC 768).
const (
	ipv4Header = 20
	ipv6Header = 40
	udpHeader  = 8
)

// Fragments is in how many IP packets a datagram of a udp load leaves, by the MTU of the first link on its way. Each
// but the last carries a multiple of 8 bytes (RFC 791, 3.2), and with IPv6 a header of 8 bytes more (RFC 8200, 4.5).
func (s *Scenario) Fragments(t *Traffic) int {
	way := s.Path(t.From, t.To)
	if t.UDP == nil || len(way) < 2 {
		return 1
	}
	mtu := 0
	for _, l := range s.Links {
		if l.Between == [2]string{way[0], way[1]} || l.Between == [2]string{way[1], way[0]} {
			mtu = l.MTU
		}
	}
	size, header, extra := int(t.UDP.Size)+udpHeader, ipv4Header, 0
	if t.UDP.IPv6 {
		header, extra = ipv6Header, 8
	}
	if mtu == 0 || size <= mtu-header {
		return 1
	}
	each := (mtu - header - extra) / 8 * 8
	return (size + each - 1) / each
}

// taker is a service that takes datagrams.
type taker struct {
	key  string
	port int
}

// takers are the services that take datagrams.
func (s *Service) takers() (list []taker) {
	if s == nil {
		return nil
	}
	if s.UDP != nil {
		list = append(list, taker{"udp", s.UDP.Port})
	}
	if s.DNS != nil {
		list = append(list, taker{"dns", s.DNS.Port})
	}
	if s.Dnsmasq != nil {
		list = append(list, taker{"dnsmasq", s.Dnsmasq.Port})
	}
	if s.Unbound != nil {
		list = append(list, taker{"unbound", s.Unbound.Port})
	}
	return list
}

// datagramPorts checks that the services of a node that take datagrams are on different ports.
func (v *validation) datagramPorts(path, node string, s *Service) {
	taken := map[int]bool{}
	for _, t := range s.takers() {
		if taken[t.port] {
			v.fail(path+"."+t.key+".port", fmt.Sprintf("two UDP services on port %d of %s", t.port, node), "")
		}
		taken[t.port] = true
	}
}
