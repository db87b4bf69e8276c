package probe

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
)

// The tests run inside a clone, as root and in virtual time, so that what they expect of CPU
// time holds on a busy machine as well. A fuzzer needs its speed and runs here.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := child(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	for _, a := range os.Args {
		if strings.Contains(a, "test.fuzz=") && !strings.HasSuffix(a, "=") || strings.Contains(a, "test.fuzzworker") {
			os.Exit(m.Run())
		}
	}
	vmtest.Main(m)
}
