package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ruleout/ruleout/harness/record/result"
)

// backlogDrops is how many packets the machine has thrown away because too many waited
// between two devices, on all CPUs and in all namespaces since boot: the second column of
// softnet_stat (softnet_seq_show in net/core/net-procfs.c).
//
// Every hop over a veth goes through that backlog. Its bound, net.core.netdev_max_backlog, is
// the machine's own, 1000 packets by default; copies multiply a burst.
func backlogDrops() (int64, error) {
	b, err := os.ReadFile("/proc/thread-self/net/softnet_stat")
	if err != nil {
		return 0, err
	}
	var sum int64
	for line := range strings.Lines(string(b)) {
		columns := strings.Fields(line)
		if len(columns) < 2 {
			return 0, fmt.Errorf("read softnet_stat: %q", line)
		}
		n, err := strconv.ParseInt(columns[1], 16, 64)
		if err != nil {
			return 0, fmt.Errorf("read softnet_stat: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// backlogLoss names the machine's backlog as the place of losses, if it lost anything
// since the wires were built. It is asked only when there are losses to explain.
func (w *Wires) backlogLoss(because *result.Reasons) error {
	now, err := backlogDrops()
	if err != nil {
		return err
	}
	if n := now - w.backlog; n > 0 {
		because.Add(result.QueueOverflow, "",
			"the machine's backlog between devices overflowed and lost %d packets: raise net.core.netdev_max_backlog", n)
	}
	return nil
}
