package run_test

import (
	"os"
	"testing"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/inside"
	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/agent"
)

// These tests run as root in a clone, on a kernel with netem: there, package run
// is what it is on a host.
//
// This binary is also the guest program that the host backend starts.
func TestMain(m *testing.M) {
	agent.Main()
	inside.Host()
	if err := os.Setenv(machine.EnvGuest, "/proc/self/exe"); err != nil {
		panic(err)
	}
	if text := os.Getenv(commandScenario); text != "" {
		asCommand(text)
	}
	vmtest.MainWith(m, forBoxes())
}
