package cgroup_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/cgroup"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(asChild); what != "" {
		child(what)
	}
	os.Exit(m.Run())
}

func requireSupport(t *testing.T) {
	t.Helper()
	if err := cgroup.Supported(); err != nil {
		t.Skip(err)
	}
	require.NoError(t, cgroup.Supported())
}
