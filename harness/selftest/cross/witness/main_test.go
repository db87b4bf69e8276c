package witness_test

import (
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/agent"
)

func TestMain(m *testing.M) {
	agent.Main()
	vmtest.Main(m, "nstat", "ss")
}
