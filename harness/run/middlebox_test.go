package run_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// boxes is a NAT that forgets its connections in the middle of the run, and whose port 8080 is the server's; and a
// firewall behind it that counts what goes to the server. The pool is large: of 100 ports, the NAT took one again that
// the server still had in TIME_WAIT in 1 run of 24, and a SYN was sent twice.
const boxes = `
version: 1
name: boxes
warmup: 0s
duration: 5s
nodes:
  client: {}
  edge:
    role: router
    conntrack: {max: 500, timeouts: {established: 60s}, forget: [{at: 2450ms}]}
    nat:
      - {name: out, snat: core, from: client, packets: tcp, ports: 50000-59999}
      - {name: in, dnat: web, port: 8080, to-port: 80}
  core:
    role: router
    firewall:
      - {name: pages, in: edge, out: web, packets: tcp, from: edge, to: web, to-ports: 80, do: count}
      - {name: client, from: client, do: count, may-be-idle: true}
  web: {service: {php: {workers: 5, request: {cpu: 0s, response: 3kB}}}}
links:
  - {between: [client, edge], delay: 5ms}
  - {between: [edge, core], delay: 5ms}
  - {between: [core, web], delay: 5ms}
load:
  - {from: client, to: web, http: {arrivals: constant, first: 0s, rate: 2/s, for: 4500ms, timeout: 3s}}
  - {from: client, to: edge, http: {arrivals: constant, first: 200ms, rate: 1/s, for: 3s, port: 8080, timeout: 3s}}
`

// packets calls f with each packet of a file that an interface has seen, and its time in the run.
func packets(t *testing.T, path, face string, f func(at time.Duration, ip *layers.IPv4, tcp *layers.TCP)) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	r, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		on, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if ip, is4 := p.NetworkLayer().(*layers.IPv4); ok && is4 && on.Name == face {
			f(ci.Timestamp.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)), ip, tcp)
		}
	}
}

// What rules and the table count is what stands in the packets of the links before and behind them.
func TestMiddleboxesCountWhatTheWireCarried(t *testing.T) {
	rec, files := captured(t, boxes)
	asked, forwarded, before := 0, 0, 0
	packets(t, files["edge"], "client>edge received", func(at time.Duration, ip *layers.IPv4, tcp *layers.TCP) {
		if !tcp.SYN {
			return
		}
		require.Equal(t, "10.0.0.1", ip.SrcIP.String())
		if tcp.DstPort == 8080 {
			require.Equal(t, "10.0.0.2", ip.DstIP.String(), "the address of the NAT")
			forwarded++
		} else {
			asked++
		}
		if at < 2450*time.Millisecond {
			before++
		}
	})
	require.Equal(t, []int{9, 3}, []int{asked, forwarded}, "by arithmetic")
	seen, bytes := 0, 0
	used := map[string]bool{}
	packets(t, files["core"], "edge>core received", func(at time.Duration, ip *layers.IPv4, tcp *layers.TCP) {
		require.Equal(t, "10.0.1.1", ip.SrcIP.String(), "that of the NAT")
		require.Equal(t, "10.0.2.2", ip.DstIP.String())
		require.EqualValues(t, 80, tcp.DstPort)
		require.True(t, tcp.SrcPort >= 50000 && tcp.SrcPort <= 59999, tcp.SrcPort)
		used[fmt.Sprint(tcp.SrcPort, at < 2450*time.Millisecond)] = true // what was forgotten is free again
		seen, bytes = seen+1, bytes+int(ip.Length)
	})
	require.Len(t, used, asked+forwarded, "a port for each connection")
	require.Equal(t, map[string]float64{
		"edge.nat.out.connections": float64(asked + forwarded), "edge.nat.in.connections": float64(forwarded),
		"core.firewall.pages.packets": float64(seen), "core.firewall.pages.bytes": float64(bytes),
		"core.firewall.client.packets": 0, "edge.conntrack.forgotten": float64(before),
		"edge.conntrack.drops": 0, "edge.conntrack.invalid": 0,
	}, values(rec, "edge.nat.out.connections", "edge.nat.in.connections", "core.firewall.pages.packets",
		"core.firewall.pages.bytes", "core.firewall.client.packets", "edge.conntrack.forgotten", "edge.conntrack.drops",
		"edge.conntrack.invalid"))
	// A closed connection stays for 2 minutes, so that the table grows by all that came, but for what was forgotten.
	entries := rec.Timeline.Series["edge.conntrack.entries"]
	require.InDelta(t, asked+forwarded-before, entries[len(entries)-1], 0)
	require.InDelta(t, before, rec.Metrics["edge.conntrack.entries.max"].Value, 0)
	require.Equal(t, int64(500), rec.Middleboxes[1].Max)
	require.InDelta(t, 2.45, rec.Middleboxes[1].Forgot[0].At, 0.001)
	for _, metric := range []string{"core.conntrack.drops", "client.conntrack.drops"} {
		require.NotContains(t, rec.Metrics, metric, "it tracks nothing")
	}
}

// A rule that matched nothing, and a table that was empty when it was to be forgotten, make a run invalid.
func TestMiddleboxesThatDidNothing(t *testing.T) {
	for set, want := range map[string]string{
		"nodes.core.firewall.client.may-be-idle=false": "node core: no packet matched the firewall rule client within the " +
			"measured window (may-be-idle)",
		"nodes.edge.nat.out.packets=udp": "node edge: no connection matched the nat rule out in the run " +
			"(may-be-idle)",
		"nodes.edge.conntrack.forget=[{at: 0s}]":     "node edge: had no connections to forget at 0s (may-be-idle)",
		"nodes.edge.conntrack.forget=[{at: 2450ms}]": "",
	} {
		t.Run(set, func(t *testing.T) {
			s := parse(t, boxes, set)
			rec, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: seed, Backend: machine.NameHost})
			require.NoError(t, err)
			var idle []string
			for _, r := range rec.InvalidBecause {
				require.Equal(t, result.MiddleboxIdle, r.Kind, r.String())
				idle = append(idle, r.String())
			}
			if want == "" {
				require.Empty(t, idle)
				return
			}
			require.Contains(t, idle, want, fmt.Sprint(idle))
		})
	}
}

// forBoxes are the modules of middleboxes. Counters of rules are one up to Linux 5.10 only.
func forBoxes() []string {
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{"a": {Conntrack: &scenario.Conntrack{}}}}
	return slices.DeleteFunc(s.Modules(), func(name string) bool { return name == "nft_counter" })
}

// As many rules as a scenario may have are written in one batch.
func TestAsManyRulesAsThereMayBe(t *testing.T) {
	var rules strings.Builder
	for i := range 498 {
		fmt.Fprintf(&rules, "      - {name: r%d, from: edge, to: web, packets: tcp, to-ports: %d, do: count, "+
			"may-be-idle: true}\n", i, 2000+i)
	}
	const last = "      - {name: client, from: client, do: count, may-be-idle: true}\n"
	require.Contains(t, boxes, last)
	s := parse(t, strings.Replace(boxes, last, last+rules.String(), 1))
	require.Len(t, s.Nodes["core"].Firewall, 500)
	rec, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: seed, Backend: machine.NameHost})
	require.NoError(t, err)
	require.Empty(t, rec.InvalidBecause)
	require.Positive(t, rec.Metrics["core.firewall.pages.packets"].Value)
}
