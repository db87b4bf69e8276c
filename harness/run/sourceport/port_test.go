package sourceport

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/socket"
	"github.com/ruleout/ruleout/harness/scenario"
)

// bound is the port that a socket gets, 0 for none.
func bound(t *testing.T, p Ports, of Socket) uint16 {
	t.Helper()
	fd, errno := socket.Stream(unix.AF_INET, false)
	require.Zero(t, errno)
	defer fd.Close()
	p.Bind(fd, unix.AF_INET, of)
	port, err := fd.Port()
	require.NoError(t, err)
	return port
}

// Whatever listens on the node, or will, keeps its port: the service need not be there yet.
func TestPortsOfServicesAreNotTaken(t *testing.T) {
	s := &scenario.Scenario{Nodes: map[string]*scenario.Node{"node": {Service: &scenario.Service{
		PHP:  &scenario.PHP{Port: 80},
		UDP:  &scenario.UDP{Port: 32768},
		DNS:  &scenario.DNS{Port: 33679},
		Bulk: &scenario.Bulk{Port: 36769},
		Exec: []scenario.Program{{Port: 40000}, {Port: 40000, Ready: &scenario.Ready{Port: 60999}}},
	}}}}
	p := Of(s, "node")
	require.Equal(t, Ports{Served: []int{32768, 33679, 36769, 40000, 60999}}, p)
	require.NotContains(t, p.Served, int(bound(t, p, Socket{})))
	require.NotContains(t, p.Served, int(bound(t, p, Socket{Load: 1})))
	require.NotContains(t, p.Served, int(bound(t, p, Socket{Request: 40000 - 32768})))
	require.NotZero(t, bound(t, p, Socket{}))
	require.Equal(t, Ports{}, Of(s, "nowhere"))
}

// A port that is in use costs a socket its own port, and it gets the next.
func TestNextPort(t *testing.T) {
	var p Ports
	of := Socket{Load: 3, Request: 77}
	require.EqualValues(t, 32768+3*4001+77, of.Port())
	first := bound(t, p, of)
	fd, errno := socket.Stream(unix.AF_INET, false)
	require.Zero(t, errno)
	defer fd.Close()
	require.Zero(t, fd.Bind(unix.AF_INET, first))
	second := bound(t, p, of)
	require.NotZero(t, second)
	require.NotEqual(t, first, second)
}

func TestKernelPorts(t *testing.T) {
	of := func(key string) Ports {
		nodes := map[string]*scenario.Node{"node": {Sysctls: map[string]string{key: "1"}}}
		return Of(&scenario.Scenario{Nodes: nodes}, "node")
	}
	require.False(t, of("net.ipv4.tcp_sack").Kernel)
	for _, key := range sysctls {
		require.True(t, of(key).Kernel)
		require.True(t, of(key+"?").Kernel)
	}
	require.Zero(t, bound(t, of(sysctls[0]), Socket{}), "connect(2) draws one")
}
