package offsets

import (
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
)

func TestMain(m *testing.M) { vmtest.Main(m) }
