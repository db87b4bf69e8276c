package cgroup

import (
	"fmt"
	"time"
)

// freezing is how long processes may take to stand still. One that sits in the kernel does when it comes back.
const freezing = 5 * time.Second

// Freeze stops all processes in the group and below it (cgroup.freeze, Linux 5.2), and returns when the kernel says
// that they stand still, with how many there are. They are stopped where they are, and none of them can notice.
func (g *Group) Freeze() (processes int, err error) {
	if err := g.write("cgroup.freeze", "1"); err != nil {
		return 0, fmt.Errorf("freeze control group: %w", err)
	}
	events, err := openEvents(g.Path)
	if err != nil {
		return 0, fmt.Errorf("freeze control group: %w", err)
	}
	defer events.Close()
	for limit := time.Now().Add(freezing); ; {
		frozen, err := events.say("frozen")
		if err != nil {
			return 0, fmt.Errorf("freeze control group %s: %w", g.Path, err)
		}
		if frozen {
			break
		}
		left := time.Until(limit)
		if left <= 0 {
			return 0, fmt.Errorf("freeze control group %s: its processes still run after %v", g.Path, freezing)
		}
		if err := events.await(left); err != nil {
			return 0, fmt.Errorf("freeze control group %s: %w", g.Path, err)
		}
	}
	list, err := members(g.Path)
	if err != nil {
		return 0, fmt.Errorf("count processes of a control group: %w", err)
	}
	return len(list), nil
}

// Thaw lets them go on.
func (g *Group) Thaw() error {
	if err := g.write("cgroup.freeze", "0"); err != nil {
		return fmt.Errorf("thaw control group: %w", err)
	}
	return nil
}

// Used is how much CPU time the group has used so far.
func (g *Group) Used() (time.Duration, error) {
	used, err := g.CPU()
	return used.Usage, err
}
