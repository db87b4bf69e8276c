package run_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// commandScenario is in the environment of this binary when it is to be a command that makes a run on the host.
const commandScenario = "RULEOUT_TEST_COMMAND"

// asCommand makes a run on the host, and writes the kinds of its events.
func asCommand(text string) {
	s, err := expect.Parse("test.yaml", []byte(text), nil)
	if err == nil {
		_, err = machine.Run(context.Background(), machine.Request{Scenario: s, Seed: 1, Backend: machine.NameHost,
			Events: func(e protocol.Event) { fmt.Println(e.Kind) }})
	}
	fmt.Println(err)
	os.Exit(0)
}

// A command that is killed in the middle of a run on the host leaves nothing: the guest program beside it notices at
// once that its input has ended, and undoes what it made. The run itself would go on for a minute.
func TestAKilledCommandLeavesNothing(t *testing.T) {
	before := leftovers(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), commandScenario+"="+strings.Replace(small, "duration: 2s", "duration: 60s", 1))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != protocol.FaultOn {
	}
	require.Equal(t, protocol.FaultOn, lines.Text())
	require.NotEqual(t, before.Processes, leftovers(t).Processes, "there is something to be left")
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return leftovers(t).Processes == before.Processes }, 20*time.Second,
		50*time.Millisecond)
	require.Equal(t, before, leftovers(t))
}
