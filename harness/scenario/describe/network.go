package describe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// Node says what a node does: its role, its services and its sysctls. It is empty for a node that does nothing of
// its own.
func Node(n *scenario.Node) string {
	var parts []string
	if n.Role == scenario.Router {
		parts = append(parts, "router")
	}
	parts = append(parts, services(n.Service)...)
	if n.Resolver != nil {
		parts = append(parts, resolver(n.Resolver))
	}
	parts = append(parts, middlebox(n)...)
	if n.Image != "" {
		parts = append(parts, "image "+n.Image)
	}
	if len(n.Files) > 0 {
		parts = append(parts, quantity.Plural(int64(len(n.Files)), "file")+" of its own")
	}
	for _, key := range slices.Sorted(maps.Keys(n.Sysctls)) {
		parts = append(parts, key+" = "+n.Sysctls[key])
	}
	return strings.Join(parts, "; ")
}

func php(p *scenario.PHP) string {
	out := fmt.Sprintf("PHP on port %d: %s, backlog %s", p.Port, quantity.Plural(int64(p.Workers), "worker"),
		quantity.Count(int64(p.Backlog)))
	var each []string
	if r := p.Request; r.CPU != nil && *r.CPU > 0 {
		each = append(each, Duration(*r.CPU)+" of CPU")
	}
	if n := p.Request.Queries; n > 0 {
		way := ""
		if p.Persistent {
			way = " over a persistent connection"
		}
		each = append(each, fmt.Sprintf("%s to %s%s", quantity.Plural(int64(n), "query"), p.Database, way))
	}
	if d := p.Request.FirstByte; d > 0 {
		each = append(each, Duration(d)+" before the first byte")
	}
	if r := p.Request.Response; r != nil {
		each = append(each, Size(*r)+" of answer")
	}
	if len(each) > 0 {
		out += "; a request is " + quantity.List(each)
	}
	if !p.Request.Spread.IsZero() {
		out += ", in the mean (" + string(p.Request.Spread) + ")"
	}
	out += socketWords(p)
	switch p.Reconnect {
	case scenario.RetryOff:
		out += "; a query that finds its connection ended has failed"
	case scenario.RetryAlways:
		out += "; a query that finds its connection ended is sent once more"
	}
	if t := p.Timeouts; !t.IsZero() {
		out += "; waits " + quantity.List([]string{
			Duration(t.Idle) + " for another request", Duration(t.Read) + " for all of one",
			Duration(t.Write) + " to write", Duration(t.Query) + " for its database"})
	}
	return out
}

// socketWords says what a pool does with its connections.
func socketWords(p *scenario.PHP) (out string) {
	if n := p.KeepaliveRequests; n > 0 {
		out += "; " + quantity.Plural(int64(n), "request") + " a connection at most"
	}
	if p.Writes > 1 {
		out += fmt.Sprintf("; each answer in %d writes", p.Writes)
	}
	if p.Nagle {
		out += "; with Nagle's algorithm"
	}
	return out
}

func sql(q *scenario.SQL) string {
	out := fmt.Sprintf("SQL on port %d, backlog %s", q.Port, quantity.Count(int64(q.Backlog)))
	if q.Latency != nil {
		out += ": answers after " + Duration(*q.Latency)
	}
	if q.Row != nil {
		out += " with " + Size(*q.Row)
	}
	if q.Connections > 0 {
		out += fmt.Sprintf("; %s at most", quantity.Plural(int64(q.Connections), "connection"))
	}
	if t := q.Timeouts; !t.IsZero() {
		out += "; waits " + quantity.List([]string{
			Duration(t.Idle) + " for a query", Duration(t.Read) + " for the rest of one", Duration(t.Write) + " to write"})
	}
	return out
}

// Link says what a link is like, but for its ends: 20 ms one way, 100 Mbit/s, MTU 1400.
func Link(l *scenario.Link) string {
	if parts := LinkParts(l); len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	return "no delay, no limit"
}

// LinkParts are the properties of a link that are set, one by one.
func LinkParts(l *scenario.Link) (parts []string) {
	if l.Profile != "" {
		parts = append(parts, "as "+string(l.Profile))
	}
	parts = append(parts, oneWay(l)...)
	if l.Back != nil {
		there := l.Direction(1)
		if way := oneWay(&there); len(way) > 0 {
			parts = append(parts, "and from "+l.Between[1]+" "+strings.Join(way, ", "))
		}
	}
	if l.MTU != 1500 {
		parts = append(parts, fmt.Sprintf("MTU %d", l.MTU))
	}
	return parts
}

// oneWay are the properties of a link that may differ by direction.
func oneWay(l *scenario.Link) (parts []string) {
	if l.Delay > 0 {
		parts = append(parts, Duration(l.Delay)+" one way")
	}
	if l.Rate > 0 {
		parts = append(parts, Rate(l.Rate))
	}
	if room := room(l); room != "" {
		parts = append(parts, "a queue of "+room)
	}
	if l.Discipline != nil {
		parts = append(parts, Discipline(l.Discipline))
	}
	return parts
}

// Queue says how packets wait for a link's rate: 100 packets, fq_codel. It is "" if the scenario does not say.
func Queue(l *scenario.Link) string {
	room := room(l)
	switch {
	case l.Discipline == nil:
		return room
	case room == "":
		return Discipline(l.Discipline)
	}
	return room + ", " + Discipline(l.Discipline)
}

// room is how much a link's queue holds at the most, or "" if the scenario does not say.
func room(l *scenario.Link) string {
	var parts []string
	if l.Queue > 0 {
		parts = append(parts, quantity.Plural(int64(l.Queue), "packet"))
	}
	if l.QueueBytes > 0 {
		parts = append(parts, Size(l.QueueBytes))
	}
	return quantity.List(parts)
}

// Load says what a client does, but for when:
//
//	client asks web for 15 pages a second, at random times (Poisson); one connection each; gives up after 5 s
func Load(t *scenario.Traffic) string {
	h := t.HTTP
	switch {
	case t.UDP != nil:
		return udpLoad(t)
	case t.Bulk != nil:
		return bulkLoad(t)
	case h == nil && t.Exec == nil:
		return ""
	case h == nil:
		return t.From + " runs " + program(t.Exec)
	}
	connections := "one connection each"
	if h.Keepalive {
		connections = "connections kept alive"
	}
	if h.Probes {
		connections += " and probed"
	}
	if h.Idle > 0 {
		connections += fmt.Sprintf(", for %s of silence", Duration(h.Idle))
	}
	if h.KeepaliveRequests > 0 {
		connections += fmt.Sprintf(", for %s each", quantity.Plural(int64(h.KeepaliveRequests), "request"))
	}
	if h.Connections > 0 {
		connections += fmt.Sprintf(", %s at most", quantity.Count(int64(h.Connections)))
	}
	family := ""
	if h.IPv6 {
		family = " over IPv6"
	}
	how := ""
	if h.Writes > 1 {
		how += fmt.Sprintf("; each request in %d writes", h.Writes)
	}
	if h.NoDelay {
		how += "; without Nagle's algorithm"
	}
	switch h.Retry {
	case scenario.RetryOff:
		how += "; none is sent again"
	case scenario.RetryAlways:
		how += "; sent " + times(max(h.Retries, 1)) + " if the connection fails"
	}
	how += manners(h)
	page := ""
	if h.Host != "" {
		page = ", which it looks up as " + h.Host
	}
	if !h.Path.IsZero() {
		page = " (" + unit.Clip(string(h.Path)) + ")" + page
	}
	much, arrivals := Arrivals(h)
	return fmt.Sprintf("%s asks %s for %s%s%s, %s; %s%s; gives up after %s",
		t.From, t.To, much, page, family, arrivals,
		connections, how, Duration(h.Timeout))
}
