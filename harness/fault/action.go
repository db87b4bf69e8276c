package fault

import (
	"fmt"
	"time"

	"github.com/ruleout/ruleout/harness/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// action returns the netems that do what a fault does, one for each step of its ramp, or
// the number of copies to be made. For watch there is neither.
func action(f *scenario.Fault) (netems []netem.Qdisc, clones int, err error) {
	a := &f.Do
	if f.Ramp != nil && f.Ramp.Chance == nil {
		return nil, 0, fmt.Errorf("a ramp of what it does cannot be done yet")
	}
	one := func(q netem.Qdisc) ([]netem.Qdisc, int, error) { return []netem.Qdisc{q}, 0, nil }
	switch kind := a.Kind(); kind {
	case "watch", "inject", "mtu":
		return nil, 0, nil
	case "drop":
		return one(netem.Qdisc{Loss: netem.All, Limit: slack})
	case "delay":
		if a.InOrder || a.Distribution != "" && a.Distribution != scenario.Uniform {
			return nil, 0, fmt.Errorf("a distribution of jitter, and jitter in order, cannot be done yet")
		}
		return one(netem.Qdisc{
			Latency: time.Duration(a.Delay), Jitter: time.Duration(a.Jitter), Limit: room(time.Duration(a.Delay+a.Jitter), 0),
		})
	case "reorder":
		return one(netem.Qdisc{Latency: time.Duration(a.Reorder), Limit: room(time.Duration(a.Reorder), 0)})
	case "duplicate":
		return nil, a.Duplicate, nil
	case "rate":
		if a.Overhead != 0 || a.Cell != nil {
			return nil, 0, fmt.Errorf("the overhead of a rate cannot be done yet")
		}
		return one(netem.Qdisc{Rate: bottleneck(a.Rate), Limit: 10 * slack})
	default:
		return nil, 0, fmt.Errorf("no action, or more than one, or one that cannot be done yet: %q", kind)
	}
}
