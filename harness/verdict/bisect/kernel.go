package bisect

import (
	"fmt"
	"io"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
)

// Kernels is one scenario on several kernels, from the calm one on.
type Kernels struct {
	Scenario *scenario.Scenario
	names    []string
	set      map[string]string
}

// OpenKernels reads a scenario file with settings PATH=VALUE.
func OpenKernels(path string, set, kernels []string) (*Kernels, error) {
	s, err := expect.Load(path, set)
	if err != nil {
		return nil, err
	}
	values, err := yamldoc.Settings(set)
	return &Kernels{s, kernels, values}, err
}

// Arm returns the scenario on the kernel of a number; an empty set is the calm one.
func (k *Kernels) Arm(of Set) (campaign.Arm, error) {
	at := 0
	if len(of) > 0 {
		at = of[0]
	}
	return campaign.Arm{Scenario: k.Scenario, Hash: k.Scenario.Hash(), Kernel: k.names[at], Set: k.set}, nil
}

// KernelReport is a search among kernels and what it found, for people and programs.
type KernelReport struct {
	Scenario string   `json:"scenario"`
	Kernels  []string `json:"kernels"`
	// Releases of the kernels by their names.
	Releases map[string]string `json:"releases"`
	Changes  []Change          `json:"changes"`
	Lead     int               `json:"lead"`
	*Order
}

// Text writes the report for people.
func (r *KernelReport) Text(w io.Writer) error {
	var b strings.Builder
	name := func(at int) string { return fmt.Sprintf("%s (%s)", r.Kernels[at], r.Releases[r.Kernels[at]]) }
	last := len(r.Kernels) - 1
	fmt.Fprintf(&b, "%s on %s\n", r.Scenario, quantity.Plural(int64(len(r.Kernels)), "kernel"))
	for _, c := range r.Changes {
		fmt.Fprintf(&b, "%s: %s on %s, %s on %s; a change of %s counts\n", c.Metric, c.value(c.Calm), r.Kernels[0],
			c.value(c.Other), r.Kernels[last], c.value(c.Bar))
	}
	switch {
	case r.Found() && r.Shows-r.Not == 1:
		fmt.Fprintf(&b, "\nThe first that shows it is %s: %v, none of them used before.\n%s does not: %v.\n", name(r.Shows),
			r.After, name(r.Not), r.Before)
	case r.Found():
		fmt.Fprintf(&b, "\n%s shows it: %v, none of them used before. %s does not: %v.\nWhat is between has no valid run.\n",
			name(r.Shows), r.After, name(r.Not), r.Before)
	case r.Last.Outcome() == Unresolved:
		fmt.Fprintf(&b, "\nSeeds do not agree whether %s shows it: %v.\n", name(last), r.Last)
	case r.Last.Outcome() == Not:
		fmt.Fprintf(&b, "\n%s and %s agree: %v show it. There is nothing to find.\n", name(0), name(last), r.Last)
	default:
		fmt.Fprintf(&b, "\nSuspected and not confirmed: %s, since on fresh seeds %v show it, and with %s %v.\n",
			name(r.Shows), r.After, name(r.Not), r.Before)
	}
	fmt.Fprintf(&b, "\n%s tried; seeds were added to each until one answer was ahead by %d\n",
		quantity.Plural(int64(r.Asked), "configuration"), r.Lead)
	_, err := io.WriteString(w, b.String())
	return err
}
