package describe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

func TestDatagramsInWords(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`version: 1
name: x
duration: 10s
nodes:
  client:
  sink: {service: {udp: {answer: 100B, latency: 2ms, buffer: 8kB}}}
links:
  - between: [client, sink]
load:
  - {from: client, to: sink, udp: {rate: 50/s, size: 1472B}}
  - {from: client, to: sink, udp: {rate: 1/s, size: 1473B, arrivals: poisson}}
  - {from: client, to: sink, udp: {rate: 1/s, size: 1453B, ipv6: true, first: 3ms, timeout: 2s}}
  - {from: client, to: sink, udp: {rate: 1/s, size: 1452B, ipv6: true}}
  - {from: client, to: sink, udp: {rate: 1/s, size: 65507B}}
`), nil)
	require.NoError(t, err)
	require.Equal(t, "UDP on port 9000: takes datagrams and answers with 100 B, 2 ms for each, a receive buffer of 8 kB",
		describe.Node(s.Nodes["sink"]))
	require.Equal(t, "client sends sink 50 datagrams a second of 1472 B, evenly spaced; what takes over 1 s is lost",
		describe.Load(&s.Load[0]))
	require.Equal(t, "client sends sink 1 datagram a second of 1473 B, at random times (Poisson); "+
		"what takes over 1 s is lost",
		describe.Load(&s.Load[1]))
	require.Equal(t, "client sends sink 1 datagram a second of 1453 B over IPv6, evenly spaced, the first after 3 ms; "+
		"what takes over 2 s is lost", describe.Load(&s.Load[2]))
	var fragments []int
	for i := range s.Load {
		fragments = append(fragments, s.Fragments(&s.Load[i]))
	}
	// 1500 bytes hold an IPv4 header and 1480 bytes, or an IPv6 header and 1460; of 65515 bytes there are 44.3 times 1480.
	require.Equal(t, []int{1, 2, 2, 1, 45}, fragments)
	require.Empty(t, describe.Fragments(s, &s.Load[0]))
	require.Contains(t, describe.Fragments(s, &s.Load[1]), "each datagram leaves in 2 fragments")
}

func TestBulkInWords(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`version: 1
name: x
duration: 10s
nodes:
  client:
  sink: {service: {bulk: {}}}
links:
  - between: [client, sink]
load:
  - {from: client, to: sink, bulk: {}}
  - {from: client, to: sink, bulk: {flows: 4, bytes: 1MB, ipv6: true}}
`), nil)
	require.NoError(t, err)
	require.Equal(t, "a sink for bulk data on port 5001", describe.Node(s.Nodes["sink"]))
	require.Equal(t, "client sends sink as much as it can over 1 connection", describe.Load(&s.Load[0]))
	require.Equal(t, "client sends sink 1 MB each over 4 connections over IPv6", describe.Load(&s.Load[1]))
}
