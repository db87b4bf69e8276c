package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Role is what an agent does, from its configuration to its result, which must marshal to
// JSON. It calls c.Ready when it can be relied on, and returns soon after ctx
// is done, with the result so far. The parent's death does not wait for it.
type Role func(ctx context.Context, config json.RawMessage, c Control) (any, error)

// Control is a role's line to its parent.
type Control interface {
	// Ready says that the role has begun to do its work; Start returns then. After each yield of Proceed it says that what
	// that asked for is done.
	Ready()
	// Proceed yields when the parent wants what had to wait for other agents, in roles that have something to do then.
	Proceed() <-chan struct{}
	// Tally is the counters that the parent reads; none if it asked for none.
	Tally() Tally
	// Begin yields once, when the parent has decided it.
	Begin() <-chan Beginning
}

// Beginning is what an agent learns when the run begins, and not before: until then all runs of a scenario are alike.
type Beginning struct {
	// Start of the measured window in ns of CLOCK_MONOTONIC. It may lie in the past.
	Start int64 `json:"start"`
	// End of it, on the same clock. What a generator does with its result costs its node nothing before.
	End int64 `json:"end"`
	// Seed of what is drawn.
	Seed uint64 `json:"seed"`
}

var roles = map[string]Role{}

// Register makes a role known by name. It is called from init functions only, and panics
// if the name is taken.
func Register(name string, f Role) {
	if _, taken := roles[name]; taken {
		panic("agent: role " + name + " registered twice")
	}
	roles[name] = f
}

func lookup(name string) (Role, error) {
	if f, ok := roles[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("no role %q in this binary (it has: %s)", name,
		strings.Join(slices.Sorted(maps.Keys(roles)), ", "))
}
