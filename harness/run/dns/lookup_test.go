package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/run/sourceport"
	"github.com/ruleout/ruleout/harness/scenario"
)

func TestMain(m *testing.M) {
	agent.Main()
	goleak.VerifyTestMain(m)
}

// world is name servers on this machine's loopback, and a clock that jumps from one deadline to the next. Each server
// has a rule, which says what becomes of its n-th query.
type world struct {
	t       *testing.T
	servers []*server
	rules   []func(n int, of dnsmessage.Type) string
	taken   []int
	ports   []uint16
	now     int64
	trace   []string
}

// newWorld opens servers with rules: "" answers, drop does not, servfail and so on.
func newWorld(t *testing.T, rules ...func(n int, of dnsmessage.Type) string) *world {
	w := &world{t: t, rules: rules, taken: make([]int, len(rules))}
	for range rules {
		fd, err := socket.ListenDatagrams(0, 0)
		require.NoError(t, err)
		t.Cleanup(func() { fd.Close() })
		w.servers = append(w.servers, &server{fd: fd, in: make([]byte, 4096), config: ServerConfig{TTL: 60,
			Names: map[string]Addresses{"shop.example": {A: netip.MustParseAddr("10.0.0.7")}}}})
	}
	return w
}

func (w *world) options() Options {
	o := Options{Timeout: 5 * time.Second, Attempts: 2, Name: "shop.example"}
	for _, s := range w.servers {
		port, err := s.fd.Port()
		require.NoError(w.t, err)
		o.Servers = append(o.Servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
	}
	return o
}

// serve takes all queries that are there. It notes the time, the server, the type, and which of the source ports it
// came from, in the order in which they were first used.
func (w *world) serve() (any bool) {
	for i, s := range w.servers {
		for {
			var from socket.Address
			n, errno := s.fd.ReceiveFrom(s.in, &from)
			if errno != 0 {
				break
			}
			any = true
			var p dnsmessage.Parser
			_, err := p.Start(s.in[:n])
			require.NoError(w.t, err)
			q, err := p.Question()
			require.NoError(w.t, err)
			port := from.AddrPort().Port()
			if !slices.Contains(w.ports, port) {
				w.ports = append(w.ports, port)
			}
			w.trace = append(w.trace, fmt.Sprintf("%d:%d%s%d", w.now/1e9, i+1, strings.TrimPrefix(q.Type.String(), "Type"),
				slices.Index(w.ports, port)+1))
			w.taken[i]++
			config := s.config
			switch w.rules[i](w.taken[i], q.Type) {
			case "drop":
				continue
			case "servfail":
				s.config.Servfail = scenario.QueryAll
			case "nxdomain":
				s.config.Names = nil
			}
			text, _ := s.answer(nil, s.in[:n])
			s.config = config
			_, errno = s.fd.SendTo(text, &from)
			require.Zero(w.t, errno)
		}
	}
	return any
}

// look makes one lookup.
func (w *world) look(r *Resolver) *Lookup {
	l, err := r.Start()
	require.NoError(w.t, err)
	watch := func(socket.FD) socket.Errno { return 0 }
	for !l.Step(w.now, watch) {
		if !w.serve() {
			require.Greater(w.t, l.Deadline(), w.now)
			w.now = l.Deadline()
		}
	}
	w.serve()
	return l
}

func good(int, dnsmessage.Type) string { return "" }
func dead(int, dnsmessage.Type) string { return "drop" }
func ill(int, dnsmessage.Type) string  { return "servfail" }

func without(kind dnsmessage.Type, times int) func(int, dnsmessage.Type) string {
	return func(_ int, of dnsmessage.Type) string {
		if of == kind && times > 0 {
			times--
			return "drop"
		}
		return ""
	}
}

// The traces are what send_dg and __res_context_send do, followed by hand: second, server, type, and the number of the
// source port.
func TestLookup(t *testing.T) {
	rules := func(list ...func(int, dnsmessage.Type) string) []func(int, dnsmessage.Type) string { return list }
	for name, c := range map[string]struct {
		rules  []func(int, dnsmessage.Type) string
		change func(*Options)
		trace  string
		end    int // seconds
		found  bool
	}{
		"both at once, from one port": {rules(good), nil, "0:1A1 0:1AAAA1", 0, true},
		"one server that is dead: timeout × attempts": {rules(dead), nil, "0:1A1 0:1AAAA1 5:1A1 5:1AAAA1", 10,
			false},
		"two that are dead: 5 s each": {rules(dead, dead), nil,
			"0:1A1 0:1AAAA1 5:2A2 5:2AAAA2 10:1A1 10:1AAAA1 15:2A2 15:2AAAA2", 20, false},
		"three that are dead: 5, 10/3 and 20/3 s": {rules(dead, dead, dead), nil,
			"0:1A1 0:1AAAA1 5:2A2 5:2AAAA2 8:3A3 8:3AAAA3 14:1A1 14:1AAAA1 19:2A2 19:2AAAA2 22:3A3 22:3AAAA3", 28, false},
		"one second at least": {rules(dead, dead, dead), func(o *Options) { o.Timeout, o.Attempts = time.Second, 1 },
			"0:1A1 0:1AAAA1 1:2A2 1:2AAAA2 2:3A3 2:3AAAA3", 3, false},
		"the second server helps": {rules(dead, good), nil, "0:1A1 0:1AAAA1 5:2A2 5:2AAAA2", 5, true},
		"AAAA is lost once: 5 s": {rules(without(dnsmessage.TypeAAAA, 1)), nil,
			"0:1A1 0:1AAAA1 5:1A1 5:1AAAA1", 5, true},
		"AAAA is lost twice: then from a socket of its own": {rules(without(dnsmessage.TypeAAAA, 2)), nil,
			"0:1A1 0:1AAAA1 5:1A1 5:1AAAA1 10:1A2 10:1AAAA3", 10, true},
		"AAAA is never answered: A will do, after 15 s": {rules(without(dnsmessage.TypeAAAA, 9)), nil,
			"0:1A1 0:1AAAA1 5:1A1 5:1AAAA1 10:1A2 10:1AAAA3", 15, true},
		"single-request": {rules(good), func(o *Options) { o.Single = true }, "0:1A1 0:1AAAA1", 0, true},
		"single-request, A is lost": {rules(without(dnsmessage.TypeA, 1)), func(o *Options) { o.Single = true },
			"0:1A1 5:1A1 5:1AAAA1", 5, true},
		"single-request, AAAA is lost": {rules(without(dnsmessage.TypeAAAA, 1)), func(o *Options) { o.Single = true },
			"0:1A1 0:1AAAA1 5:1A2 5:1AAAA3", 5, true},
		"single-request-reopen": {rules(good), func(o *Options) { o.Reopen = true }, "0:1A1 0:1AAAA2", 0, true},
		"single-request-reopen, AAAA is lost": {rules(without(dnsmessage.TypeAAAA, 1)),
			func(o *Options) { o.Reopen = true }, "0:1A1 0:1AAAA2", 5, true},
		"both SERVFAIL: the next server at once": {rules(ill, good), nil, "0:1A1 0:1AAAA1 0:2A2 0:2AAAA2", 0, true},
		"SERVFAIL everywhere":                    {rules(ill), nil, "0:1A1 0:1AAAA1 0:1A1 0:1AAAA1", 0, false},
		"single-request, SERVFAIL": {rules(ill, good), func(o *Options) { o.Single = true },
			"0:1A1 0:2A2 0:2AAAA2", 0, true},
		"AAAA is SERVFAIL: A will do": {rules(func(_ int, of dnsmessage.Type) string {
			return map[bool]string{true: "servfail"}[of == dnsmessage.TypeAAAA]
		}), nil, "0:1A1 0:1AAAA1", 0, true},
		"A is SERVFAIL, AAAA is lost: the next server": {rules(func(_ int, of dnsmessage.Type) string {
			return map[bool]string{true: "servfail", false: "drop"}[of == dnsmessage.TypeA]
		}, good), nil, "0:1A1 0:1AAAA1 5:2A2 5:2AAAA2", 5, true},
		"nobody knows the name": {rules(func(int, dnsmessage.Type) string { return "nxdomain" }, good), nil,
			"0:1A1 0:1AAAA1", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.rules...)
			o := w.options()
			if c.change != nil {
				c.change(&o)
			}
			r, err := NewResolver(o, sourceport.Ports{}, 1, 0)
			require.NoError(t, err)
			l := w.look(r)
			require.Equal(t, strings.Fields(c.trace), w.trace)
			require.EqualValues(t, c.end, w.now/1e9)
			require.Equal(t, c.found, l.Address().IsValid())
			require.EqualValues(t, len(w.trace), l.Queries)
		})
	}
}

// A answers never come. The answer to AAAA makes the lookup ask for A alone; that is not answered either, and so
// nothing useful has come: the second attempt goes on in the mode that was learned.
func TestOnlyAAAAComes(t *testing.T) {
	w := newWorld(t, without(dnsmessage.TypeA, 99))
	r, err := NewResolver(w.options(), sourceport.Ports{}, 1, 0)
	require.NoError(t, err)
	l := w.look(r)
	require.Equal(t, strings.Fields("0:1A1 0:1AAAA1 5:1A1 10:1A1"), w.trace)
	require.EqualValues(t, 15, w.now/1e9)
	require.Equal(t, Counts{Queries: 4, Retries: 2, Timeouts: 3, Fallbacks: 1}, l.Counts)
}

// A process that lasts goes on with what it has learned; the first lookup of a new one does not.
func TestLasting(t *testing.T) {
	for _, lasting := range []bool{true, false} {
		w := newWorld(t, without(dnsmessage.TypeAAAA, 1))
		o := w.options()
		o.Lasting = lasting
		r, err := NewResolver(o, sourceport.Ports{}, 1, 0)
		require.NoError(t, err)
		w.look(r)
		w.servers[0].config.Drop = scenario.QueryA
		w.rules[0] = func(_ int, of dnsmessage.Type) string { return map[bool]string{true: "drop"}[of == dnsmessage.TypeA] }
		w.trace = nil
		w.look(r)
		if lasting {
			require.Equal(t, "5:1A2", w.trace[0])
			require.Equal(t, "10:1A2", w.trace[1], "no AAAA before A was answered")
		} else {
			require.Equal(t, []string{"5:1A2", "5:1AAAA2"}, w.trace[:2])
		}
	}
}

// With rotate, a process that lasts begins each lookup with the next server; others begin anywhere.
func TestRotate(t *testing.T) {
	w := newWorld(t, good, good, good)
	o := w.options()
	o.Rotate, o.Lasting = true, true
	r, err := NewResolver(o, sourceport.Ports{}, 1, 0)
	require.NoError(t, err)
	for range 6 {
		w.look(r)
	}
	first := int(w.trace[0][2] - '1')
	for i := range 6 {
		require.Equal(t, fmt.Sprintf("0:%dA%d", (first+i)%3+1, i+1), w.trace[2*i])
	}
	o.Lasting = false
	r, err = NewResolver(o, sourceport.Ports{}, 1, 0)
	require.NoError(t, err)
	w.trace = nil
	for range 300 {
		w.look(r)
	}
	counts := map[byte]int{}
	for _, at := range w.trace {
		counts[at[2]]++
	}
	for server := byte('1'); server <= '3'; server++ {
		require.InDelta(t, 200, counts[server], 60, "of 600 queries, a third each")
	}
}

// With rotate, the wait is that of the server's place in the file, whichever is asked first.
func TestRotateWaits(t *testing.T) {
	w := newWorld(t, dead, dead, dead)
	o := w.options()
	o.Rotate, o.Attempts = true, 1
	r, err := NewResolver(o, sourceport.Ports{}, 3, 0)
	require.NoError(t, err)
	w.look(r)
	require.EqualValues(t, 5+3+6, w.now/1e9)
}

// A server that does not listen says so by ICMP, and costs no time.
func TestNobodyListens(t *testing.T) {
	w := newWorld(t, good, good)
	o := w.options()
	w.servers[0].fd.Close()
	w.servers = w.servers[1:]
	w.rules, w.taken = w.rules[1:], w.taken[1:]
	r, err := NewResolver(o, sourceport.Ports{}, 1, 0)
	require.NoError(t, err)
	l := w.look(r)
	require.True(t, l.Address().IsValid())
	require.EqualValues(t, 0, w.now)
	require.EqualValues(t, 1, l.Unreachable)
}

// What an answer says that is for another query, or none at all, is thrown away.
func TestForeignAnswers(t *testing.T) {
	name, err := fullName("shop.example")
	require.NoError(t, err)
	query, err := question(nil, 7, name, dnsmessage.TypeA)
	require.NoError(t, err)
	_, ok := readReply(query)
	require.False(t, ok, "a query")
	s := &server{config: ServerConfig{TTL: 5, Names: map[string]Addresses{
		"shop.example": {A: netip.MustParseAddr("10.0.0.7"), AAAA: netip.MustParseAddr("fd00::7")}}}}
	text, kind := s.answer(nil, query)
	require.Equal(t, countAnswers, kind)
	r, ok := readReply(text)
	require.True(t, ok)
	require.Equal(t, reply{id: 7, name: name, of: dnsmessage.TypeA,
		address: netip.MustParseAddr("10.0.0.7")}, r)
	for n := range text {
		readReply(text[:n]) // does not panic
		s.answer(nil, text[:n])
	}
	other, err := fullName("SHOP.Example")
	require.NoError(t, err)
	query, err = question(nil, 8, other, dnsmessage.TypeAAAA)
	require.NoError(t, err)
	text, _ = s.answer(nil, query)
	r, ok = readReply(text)
	require.True(t, ok)
	require.Equal(t, "fd00::7", r.address.String(), "DNS does not tell cases apart")
	unknown, err := fullName("nobody.example")
	require.NoError(t, err)
	query, err = question(nil, 9, unknown, dnsmessage.TypeA)
	require.NoError(t, err)
	text, kind = s.answer(nil, query)
	require.Equal(t, countUnknown, kind)
	r, ok = readReply(text)
	require.True(t, ok)
	require.Equal(t, dnsmessage.RCodeNameError, r.code)
}

// A lookup takes no port on which a service of its node listens.
func TestSourcePort(t *testing.T) {
	w := newWorld(t, good)
	own := sourceport.Socket{Load: 2}.Port()
	r, err := NewResolver(w.options(), sourceport.Ports{Served: []int{int(own)}}, 1, 2)
	require.NoError(t, err)
	w.look(r)
	require.Len(t, w.ports, 1)
	require.NotEqual(t, own, w.ports[0])
}
