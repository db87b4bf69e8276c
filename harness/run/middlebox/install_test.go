package middlebox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/middlebox"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// build installs the middleboxes of a scenario in a network.
func build(t *testing.T, text string) *middlebox.Boxes {
	t.Helper()
	s, err := scenario.Parse("boxes.yaml", []byte("version: 1\nname: boxes\nduration: 10s\n"+text), nil)
	require.NoError(t, err)
	n, err := topology.Build(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	b, err := middlebox.Install(n, s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// The kernel has one limit and one hash table for all nodes: what the last node sets, the first one has too, and says so.
func TestLimitsAreThoseOfAllNodes(t *testing.T) {
	b := build(t, `
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
