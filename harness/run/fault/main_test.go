package fault

import (
	"os"
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
)

// All tests of this package run inside a clone: the selector's because every supported
// kernel's verifier must take it (set RULEOUT_KERNEL), the wires' because they need netem.
//
// A few need no kernel. With RULEOUT_TEST_PURE they run without one, in a hundredth of the time, if -run asks for no
// others: that is for planted errors (package mutant), of which there are hundreds.
func TestMain(m *testing.M) {
	if os.Getenv("RULEOUT_TEST_PURE") != "" {
		os.Exit(m.Run())
	}
	vmtest.MainWith(m, []string{"sch_tbf", "sch_codel", "sch_fq_codel", "sch_fq", "sch_pie", "sch_fq_pie", "sch_red",
		"sch_cake"})
}
