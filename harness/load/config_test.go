package load

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/agent"
)

func TestNothingToDo(t *testing.T) {
	c := config(address())
	c.Schedule.To = c.Schedule.From
	r := generate(t, c)
	require.Zero(t, r.Planned)
	require.Len(t, r.Series.InFlight, 25)
}

func TestNonsensicalConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no address":         func(c *Config) { c.To = netip.AddrPort{} },
		"no timeout":         func(c *Config) { c.Timeout = 0 },
		"negative cap":       func(c *Config) { c.Connections = -1 },
		"negative intervals": func(c *Config) { c.Interval = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(address())
			change(&c)
			_, err := agent.Start(t.Context(), agent.Spec{Role: Role, Config: c})
			require.ErrorContains(t, err, "load: ")
		})
	}
}
