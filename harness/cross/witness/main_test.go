package witness_test

import (
	"testing"

	"github.com/ruleout/ruleout/harness/agent"
	"github.com/ruleout/ruleout/harness/vm/vmtest"
)

func TestMain(m *testing.M) {
	agent.Main()
	vmtest.Main(m, "nstat", "ss")
}
