package load

import (
	"bufio"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/dns"
)

func resolverOf(servers ...netip.AddrPort) *dns.Options {
	return &dns.Options{Servers: servers, Timeout: time.Second, Attempts: 2, Name: "shop.example"}
}

// Nobody listens at the name server: each request asks two times, is told so by ICMP, and has no address to go to.
func TestUnresolved(t *testing.T) {
	c := config(address())
	c.Resolver = resolverOf(netip.AddrPortFrom(address().Addr(), 53))
	r := generate(t, c)
	require.EqualValues(t, planned, r.ByClass[Unresolved])
	require.EqualValues(t, planned, r.Errors)
	require.Zero(t, r.Connects)
	require.EqualValues(t, planned, r.DNS.Lookups)
	require.EqualValues(t, planned, r.DNS.Failed)
	require.EqualValues(t, 2*planned, r.DNS.Unreachable)
	require.Zero(t, r.Lookup.Count())
	m := r.Metrics(c.Duration)
	require.InDelta(t, planned, m["http.errors.resolve"], 0)
	require.NotContains(t, m, "dns.latency.p99")
}

// The server is silent, and the requests give up before the resolver does.
func TestLookupOutlastsTheRequest(t *testing.T) {
	ns, err := net.ListenPacket("udp4", netip.AddrPortFrom(address().Addr(), 0).String())
	require.NoError(t, err)
	defer ns.Close()
	c := config(address())
	c.Timeout = 30 * time.Millisecond
	c.Resolver = resolverOf(ns.LocalAddr().(*net.UDPAddr).AddrPort())
	r := generate(t, c)
	require.EqualValues(t, planned, r.ByClass[Timeout])
	require.EqualValues(t, planned, r.DNS.Lookups)
	require.EqualValues(t, 2*planned, r.DNS.Queries)
	require.Zero(t, r.DNS.Failed, "they were given up")
}

// With a name server, the requests go where it says, which is not where the configuration says.
func TestLookupLeadsToTheServer(t *testing.T) {
	port, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	at := port.LocalAddr().(*net.UDPAddr).AddrPort()
	require.NoError(t, port.Close())
	c := config(address())
	to := server(t, func(c *net.TCPConn, r *bufio.Reader) {
		if head(r) {
			_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nall of it"))
		}
	})
	ns, err := agent.Start(t.Context(), agent.Spec{Role: dns.ServerRole, Config: dns.ServerConfig{Port: at.Port(), TTL: 1,
		Names: map[string]dns.Addresses{"shop.example": {A: to.Addr()}}}})
	require.NoError(t, err)
	defer ns.Close()
	c.To = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), to.Port())
	c.Resolver = resolverOf(at)
	r := generate(t, c)
	require.EqualValues(t, planned, r.Completed)
	require.EqualValues(t, planned, r.Lookup.Count())
	require.EqualValues(t, 2*planned, r.DNS.Queries)
}
