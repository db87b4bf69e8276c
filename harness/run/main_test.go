package run_test

import (
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/agent"
)

// These tests run as root in a clone, on a kernel with netem: there, package run
// is what it is on a host.
func TestMain(m *testing.M) {
	agent.Main()
	vmtest.Main(m)
}
