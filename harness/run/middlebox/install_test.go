package middlebox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/middlebox"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// build installs the middleboxes of a scenario in a network.
func build(t *testing.T, text string) (*topology.Network, *middlebox.Boxes) {
	t.Helper()
	s, err := scenario.Parse("boxes.yaml", []byte("version: 1\nname: boxes\nduration: 10s\n"+text), nil)
	require.NoError(t, err)
	n, err := topology.Build(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	b, err := middlebox.Install(n, s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return n, b
}

// The kernel has one limit and one hash table for all nodes: what the last node sets, the first one has too, and says
// so.
func TestLimitsAreThoseOfAllNodes(t *testing.T) {
	_, b := build(t, `
nodes: {a: {conntrack: {}}, b: {conntrack: {max: 100, buckets: 1024}}}
links: [{between: [a, b]}]
`)
	require.NoError(t, b.Arm(0))
	for end := range 2 {
		require.NoError(t, b.Read(end))
	}
	list, reasons, err := b.Finish()
	require.NoError(t, err)
	require.Empty(t, reasons)
	require.Len(t, list, 2)
	for _, m := range list {
		require.EqualValues(t, 100, m.Max, m.Node)
		require.EqualValues(t, 1024, m.Buckets, m.Node)
	}
}

// All rules of a node are read in one dump, and each has the counts of its own: hundreds make no recorder late.
func TestManyRulesAreReadAtOnce(t *testing.T) {
	const rules = 500
	var s strings.Builder
	s.WriteString("nodes:\n  a: {}\n  b:\n    firewall:\n")
	for i := range rules {
		fmt.Fprintf(&s, "      - {name: r%d, hook: output, packets: udp, to-ports: '%d', do: count}\n", i, i+1)
	}
	s.WriteString("links: [{between: [a, b]}]\n")
	n, b := build(t, s.String())
	require.NoError(t, b.Read(0))
	var to unix.SockaddrInet4
	copy(to.Addr[:], n.Node("a").Addr4().AsSlice())
	require.NoError(t, n.Node("b").Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for i := range rules {
			to.Port = i + 1
			for range 1 + i%3 {
				if err := unix.Sendto(fd, make([]byte, i), 0, &to); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	before := time.Now()
	require.NoError(t, b.Read(1))
	took := time.Since(before)
	require.Less(t, took, 25*time.Millisecond)
	list, _, err := b.Finish()
	require.NoError(t, err)
	require.Len(t, list[0].Rules, rules)
	for i, r := range list[0].Rules {
		require.EqualValues(t, 1+i%3, r.Packets, r.Name)
		require.EqualValues(t, (28+i)*(1+i%3), r.Bytes, r.Name)
	}
	t.Logf("%d rules took %v", rules, took)
}
