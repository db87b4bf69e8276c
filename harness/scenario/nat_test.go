package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Rules about UDP leave TCP alone, and the other way round: flows, services and ways back are those of the protocol.
func TestNATIsOfItsProtocol(t *testing.T) {
	const text = `version: 1
name: x
duration: 1s
nodes:
  client: {}
  edge:
    role: router
    nat: [{name: out, masquerade: web, packets: udp}, {name: in, dnat: web, port: 9000, packets: udp}]
  web: {service: {php: {}, udp: {port: 9000}}}
links:
  - {between: [client, edge]}
  - {between: [edge, web]}
flows:
  pages: {from: client, to: web, port: 80}
load:
  - {from: client, to: web, http: {rate: 1/s}}
faults:
  - {name: seen, link: [edge, web], select: {flow: pages}, do: watch}
`
	_, err := Parse("x.yaml", []byte(text), nil)
	require.NoError(t, err)
	_, err = Parse("x.yaml", []byte(text), []string{"nodes.edge.nat[0].packets=tcp"})
	require.ErrorContains(t, err, "behind the NAT of edge")
	_, err = Parse("x.yaml", []byte(text), []string{"nodes.edge.nat[1].packets=tcp"})
	require.ErrorContains(t, err, "nothing serves port 9000 of web")
	_, err = Parse("x.yaml", []byte(text), []string{"load[0].to=edge", "load[0].http.port=9000"})
	require.ErrorContains(t, err, "edge has neither")
}
