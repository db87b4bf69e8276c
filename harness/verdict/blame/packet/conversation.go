package packet

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/run/capture"
)

// seen is a packet at a point.
type seen struct {
	shape
	window  int
	frame   int
	at      time.Duration
	comment string
	// answers says that the server of the conversation sent it.
	answers bool
}

// list is the packets of one direction of a conversation at one point.
type list struct {
	point   string
	answers bool
}

// conversation is what two ports, or two addresses, say to one another.
type conversation struct {
	ends  [2]netip.AddrPort // client, server
	proto string
	nth   int // of those with these ends, from 0
	began time.Duration
	lists map[list][]seen
	bases [2]base // of the client and of the server
	ended bool    // there was a FIN or a RST
}

// base is the number that the numbers of one end of a TCP connection are relative to.
type base struct {
	number     uint32
	known, syn bool // syn is that it is that of a SYN, and not a guess from a later packet
}

// pair is the two ends of a conversation in the order of addresses, and what they speak.
type pair struct {
	low, high netip.AddrPort
	proto     string
}

// table sorts the packets of one link into conversations.
type table struct {
	latest map[pair]*conversation
	all    []*conversation
}

// add takes the next packet of a file, as it was seen at a point of a kind.
func (t *table) add(h heard, s seen, point string, kind capture.Kind) {
	c := t.of(&h, kind, s.at)
	s.answers = h.src != c.ends[0]
	s.shape, s.window = h.shape, h.window
	if h.kind == "TCP" && h.src.Port() != 0 { // ports are missing where the header is
		c.relate(&s)
		c.ended = c.ended || s.flags&(fin|rst) != 0
	}
	key := list{point, s.answers}
	c.lists[key] = append(c.lists[key], s)
}

// of finds the conversation of a packet, or begins one.
func (t *table) of(h *heard, kind capture.Kind, at time.Duration) *conversation {
	key := pair{h.src, h.dst, protocol(h.kind)}
	if key.high.Compare(key.low) < 0 {
		key.low, key.high = key.high, key.low
	}
	c := t.latest[key]
	if c != nil && !c.over(h, kind) {
		return c
	}
	next := &conversation{ends: [2]netip.AddrPort{h.src, h.dst}, proto: key.proto, began: at, lists: map[list][]seen{}}
	answer := h.flags&syn == 0 && h.src.Port() < h.dst.Port()
	if h.kind == "TCP" && (h.flags&(syn|ack) == syn|ack || answer) { // the SYN is not in the capture
		next.ends = [2]netip.AddrPort{h.dst, h.src}
	}
	if c != nil {
		next.nth = c.nth + 1
	}
	t.latest[key] = next
	t.all = append(t.all, next)
	return next
}

// over tells whether a packet begins another conversation on the same ports: a SYN that a node has sent, with a number
// of its own, after the end of the last one, or after SYNs that nobody answered.
func (c *conversation) over(h *heard, kind capture.Kind) bool {
	if kind != capture.Sent || h.kind != "TCP" || h.flags&(syn|ack) != syn {
		return false
	}
	client := c.bases[0]
	return client.known && client.number != h.seq && (c.ended || !c.bases[1].known)
}

// relate makes the numbers of a TCP packet relative to the first ones of the ends, and learns these.
func (c *conversation) relate(s *seen) {
	own, other := &c.bases[0], &c.bases[1]
	if s.answers {
		own, other = other, own
	}
	switch {
	case s.flags&syn != 0 && !own.syn:
		*own = base{s.seq, true, true}
	case !own.known:
		*own = base{s.seq - 1, true, false}
	}
	s.seq -= own.number
	if s.flags&ack == 0 {
		return
	}
	if !other.known {
		*other = base{s.ack - 1, true, false}
	}
	s.ack -= other.number
	for i := range s.sacks {
		s.sack[i][0] -= other.number
		s.sack[i][1] -= other.number
	}
}

// protocol is the first word of a kind, without the type of ICMP.
func protocol(kind string) string {
	word, _, _ := strings.Cut(kind, " ")
	return word
}

// group is what conversations that may be the same have in common: all but the client's port.
type group struct {
	client netip.Addr
	server netip.AddrPort
	proto  string
}

func groups(all []*conversation) map[group][]*conversation {
	m := map[group][]*conversation{}
	for _, c := range all {
		g := group{c.ends[0].Addr(), c.ends[1], c.proto}
		m[g] = append(m[g], c)
	}
	for _, of := range m {
		slices.SortStableFunc(of, func(a, b *conversation) int { return int(a.began - b.began) })
	}
	return m
}

// pairs pairs the conversations of two runs on one link. Where one of them has no partner, it is nil.
func pairs(a, b []*conversation) (out [][2]*conversation) {
	ofA, ofB := groups(a), groups(b)
	for g, x := range ofA {
		out = append(out, pairsOf(x, ofB[g])...)
	}
	for g, y := range ofB {
		if _, ok := ofA[g]; !ok {
			out = append(out, pairsOf(nil, y)...)
		}
	}
	return out
}

// port is a client's port, and which of its conversations it is.
type port struct {
	number uint16
	nth    int
}

// pairsOf pairs conversations of one group: by port if at least half of the fewer have a partner so, else in order.
func pairsOf(a, b []*conversation) (out [][2]*conversation) {
	byPort := map[port]*conversation{}
	for _, c := range b {
		byPort[port{c.ends[0].Port(), c.nth}] = c
	}
	partner := func(c *conversation) *conversation { return byPort[port{c.ends[0].Port(), c.nth}] }
	common := 0
	for _, c := range a {
		if partner(c) != nil {
			common++
		}
	}
	if 2*common < min(len(a), len(b)) || common == 0 {
		for i := range max(len(a), len(b)) {
			var one [2]*conversation
			if i < len(a) {
				one[0] = a[i]
			}
			if i < len(b) {
				one[1] = b[i]
			}
			out = append(out, one)
		}
		return out
	}
	taken := map[*conversation]bool{}
	for _, c := range a {
		p := partner(c)
		taken[p] = true
		out = append(out, [2]*conversation{c, p})
	}
	for _, c := range b {
		if !taken[c] {
			out = append(out, [2]*conversation{nil, c})
		}
	}
	return out
}
