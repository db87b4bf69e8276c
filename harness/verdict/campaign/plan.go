package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/record/archive"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/verdict"
)

// Plan is a campaign worked out: what is run, and what is compared.
type Plan struct {
	Campaign *Campaign
	// Base is the scenario's file, as it was named.
	Base string
	// Contexts are all that are covered.
	Contexts []Context
	// Arms are different from one another, in order of their first use.
	Arms []Arm
	// Cases are what verdicts are about, in the order of the file, context by context.
	Cases []Case
	// Controls are the effects that must be seen, each once for a context, metric and margin.
	Controls []Case

	source archive.Source
}

// Arm is a scenario on a kernel; with a seed, it is a run.
type Arm struct {
	Scenario *scenario.Scenario
	Hash     string // of the scenario
	Kernel   string // name in the store; empty for the default one
	QEMU     string // path of the emulator; empty for the default one
	// Set is how the scenario differs from its file, PATH → VALUE.
	Set map[string]string
	// Priority is that of the most important case which needs it.
	Priority int
	// at is the path of the settings in the campaign that asked for it first.
	at string
}

// Context is one value of each factor.
type Context []Level

// Level is a value of a factor.
type Level struct{ Factor, Value string }

// String returns the context as FACTOR VALUE, …; empty for the only one of a campaign without factors.
func (c Context) String() string {
	words := make([]string, len(c))
	for i, l := range c {
		words[i] = l.Factor + " " + l.Value
	}
	return strings.Join(words, ", ")
}

// None is the index of an arm or control that a case does not have.
const None = -1

// Case is one hypothesis in one context.
type Case struct {
	verdict.Hypothesis
	// Family and Entry are the name of its group, and its name in the file after expansion, without the context.
	Family, Entry string
	About         string
	Context       Context
	// Treated and Base are indices of arms. The same twice is a placebo, which compares
	// seeds 1 and 2, 3 and 4 and so on of the one arm.
	Treated, Base int
	// TreatedRelieved and BaseRelieved are those of a hypothesis that explains; None otherwise.
	TreatedRelieved, BaseRelieved int
	// Dose is the metric or counter that proves the cause; empty for none.
	Dose string
	// Control is an index of Controls, or None.
	Control  int
	Priority int
	// Expected is empty when nothing is.
	Expected verdict.Outcome
}

// Placebo reports whether the case has no cause.
func (c *Case) Placebo() bool { return c.Treated == c.Base }

// Arms lists the arms that the case needs.
func (c *Case) Arms() []int {
	list := []int{c.Base}
	for _, a := range []int{c.Treated, c.BaseRelieved, c.TreatedRelieved} {
		if a != None && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// Seeds lists the seeds of each arm in the order in which they are run.
func (p *Plan) Seeds() []uint64 {
	list := make([]uint64, p.Campaign.Seeds.Most)
	for i := range list {
		list[i] = uint64(p.Campaign.Seeds.First + i)
	}
	return list
}

// Kernels lists the names of kernels that the plan needs, each once; an empty one is the default.
func (p *Plan) Kernels() []string {
	var list []string
	for _, a := range p.Arms {
		if !slices.Contains(list, a.Kernel) {
			list = append(list, a.Kernel)
		}
	}
	slices.Sort(list)
	return list
}

// Scenarios are those of the arms, in their order.
func (p *Plan) Scenarios() []*scenario.Scenario {
	list := make([]*scenario.Scenario, len(p.Arms))
	for i := range p.Arms {
		list[i] = p.Arms[i].Scenario
	}
	return list
}

// Numbers lists the metrics and counters that verdicts rest on, in alphabetical order.
func (p *Plan) Numbers() []string {
	seen := map[string]bool{}
	for _, c := range slices.Concat(p.Cases, p.Controls) {
		seen[c.Metric] = true
		if c.Dose != "" {
			seen[c.Dose] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Size is how large a plan is.
type Size struct {
	// Hypotheses after expansion; Cases are these in all their contexts, with the placebos.
	Hypotheses int `json:"hypotheses"`
	Contexts   int `json:"contexts"`
	Cases      int `json:"cases"`
	Placebos   int `json:"placebos"` // of the cases
	Arms       int `json:"arms"`
	Controls   int `json:"controls"`
}

// Size counts what is in the plan.
func (p *Plan) Size() Size {
	s := Size{Contexts: len(p.Contexts), Cases: len(p.Cases), Arms: len(p.Arms), Controls: len(p.Controls)}
	seen := map[string]bool{}
	for i := range p.Cases {
		switch c := &p.Cases[i]; {
		case c.Placebo():
			s.Placebos++
		case !seen[c.Entry]:
			seen[c.Entry] = true
			s.Hypotheses++
		}
	}
	return s
}

// String says it in a line.
func (s Size) String() string {
	plural := func(n int, noun string) string { return quantity.Plural(int64(n), noun) }
	return fmt.Sprintf("%s in %s: %s on %s, %s", plural(s.Hypotheses, "hypothesis"), plural(s.Contexts, "context"),
		plural(s.Cases, "case"), plural(s.Arms, "arm"), plural(s.Controls, "control"))
}

// Summary says in a line how large the plan is.
func (p *Plan) Summary() string { return p.Size().String() }
