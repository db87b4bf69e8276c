package fault

import (
	"testing"

	"github.com/ruleout/ruleout/harness/vm/vmtest"
)

// All tests of this package run inside a clone: the selector's because every supported
// kernel's verifier must take it (set RULEOUT_KERNEL), the wires' because they need netem.
func TestMain(m *testing.M) { vmtest.Main(m) }
