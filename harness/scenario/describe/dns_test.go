package describe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

func TestNamesInWords(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte(`version: 1
name: x
duration: 10s
nodes:
  client:
    resolver: {servers: [ns, ns2], rotate: true, single-request: true, single-request-reopen: true, lasting: true}
  web: {service: {php: {}}}
  ns: {service: {dns: {names: {shop.example: web}}}}
  ns2:
    service:
      dns:
        names: {a.example: web, b.example: web, c.example: web, d.example: web, e.example: web, f.example: web}
        delay: 2ms
        ttl: 5s
        ipv6: true
        drop: all
  ns3: {service: {dns: {names: {shop.example: web}, drop: a, servfail: aaaa}}}
links:
  - between: [client, ns]
  - between: [client, ns2]
  - between: [client, web]
load:
  - {from: client, to: web, http: {rate: 1/s, host: shop.example, path: /x}}
`), nil)
	require.NoError(t, err)
	require.Equal(t, "asks ns and ns2 for names: timeout 5 s, attempts 2, rotate, single-request, single-request-reopen; "+
		"all lookups of a load by one process", describe.Node(s.Nodes["client"]))
	require.Equal(t, "DNS on port 53: shop.example is web, for 1 min", describe.Node(s.Nodes["ns"]))
	require.Equal(t, "DNS on port 53: a.example is web, b.example is web, c.example is web, d.example is web, "+
		"e.example is web and 1 more name, for 5 s, IPv6 addresses too; answers after 2 ms; "+
		"does not answer queries for anything", describe.Node(s.Nodes["ns2"]))
	require.Equal(t, "DNS on port 53: shop.example is web, for 1 min; does not answer queries for A; "+
		"answers queries for AAAA with SERVFAIL", describe.Node(s.Nodes["ns3"]))
	require.Contains(t, describe.Load(&s.Load[0]),
		"client asks web for 1 page a second (/x), which it looks up as shop.example, at random")
}
