package cgroup_test

import (
	"os"
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
)

// TestMain runs the tests in a clone: few machines leave version 2 of control groups all
// controllers, and none its process id 1.
func TestMain(m *testing.M) {
	if what := os.Getenv(asChild); what != "" {
		child(what)
	}
	vmtest.Main(m)
}
