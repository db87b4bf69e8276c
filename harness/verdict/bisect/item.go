package bisect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
	"github.com/ruleout/ruleout/harness/verdict/campaign"
	"github.com/ruleout/ruleout/harness/verdict/compare"
)

// Item is one difference between the two sides. A value that a side does not set is empty: there it is as the scenario
// or the kernel has it.
type Item struct {
	Name  string `json:"name"`
	Calm  string `json:"calm"`
	Other string `json:"other"`
}

// String is such as "sysctl net.ipv4.tcp_sack: not set → 0".
func (i Item) String() string {
	return fmt.Sprintf("%s: %s → %s", i.Name, cmp.Or(i.Calm, "not set"), cmp.Or(i.Other, "not set"))
}

// kinds of items, as their names begin.
const (
	kernelItem = "kernel"
	sysctlItem = "sysctl "
	faultItem  = "fault "
)

// acts and watches are the values of a fault.
const acts, watches = "acts", "only watches"

// Sides are the scenario of a search and what differs between its two sides.
type Sides struct {
	Items []Item
	// Fixed are the names of faults that cannot only watch, such as a pause: they act on both sides.
	Fixed []string
	// Scenario is that of the file with the settings of all configurations.
	Scenario *scenario.Scenario
	file     expect.File
	set      []string
	profiles [2]*compare.Profile
	hosts    []string
}

// OpenSides reads a scenario file, with settings PATH=VALUE that all configurations have, and lists what differs
// between two profiles. If faults, each fault of the scenario that can only watch is an item
// too: on the calm side it does.
func OpenSides(path string, set []string, calm, other *compare.Profile, faults bool) (*Sides, error) {
	file, err := expect.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := file.With(set)
	if err != nil {
		return nil, err
	}
	sides := &Sides{Scenario: s, file: file, set: set, profiles: [2]*compare.Profile{calm, other}, hosts: compare.Hosts(s)}
	if calm.Kernel != other.Kernel {
		sides.Items = append(sides.Items, Item{kernelItem, calm.Kernel, other.Kernel})
	}
	for _, d := range compare.Profiles(calm, other) {
		sides.Items = append(sides.Items, Item{d.Name, d.A, d.B})
	}
	if faults {
		sides.faults()
	}
	return sides, nil
}

// faults makes each fault an item that can only watch instead.
func (s *Sides) faults() {
	for i := range s.Scenario.Faults {
		name := s.Scenario.Faults[i].Name
		if _, err := s.file.With(append(slices.Clone(s.set), watching(name))); err != nil {
			s.Fixed = append(s.Fixed, name)
		} else {
			s.Items = append(s.Items, Item{faultItem + name, watches, acts})
		}
	}
}

// watching is the setting with which a fault only watches.
func watching(fault string) string { return "faults." + fault + ".do=watch" }

// Kernels are the names of the kernels of the two sides.
func (s *Sides) Kernels() []string {
	return slices.Compact([]string{s.profiles[0].Kernel, s.profiles[1].Kernel})
}

// Arm returns the configuration in which some items are as on the other side.
func (s *Sides) Arm(of Set) (campaign.Arm, error) {
	calm, other := s.profiles[0], s.profiles[1]
	p := &compare.Profile{Kernel: calm.Kernel, Set: orEmpty(calm.Set), Sysctls: orEmpty(calm.Sysctls)}
	set := slices.Clone(s.set)
	for i, item := range s.Items {
		kind, name := item.split()
		in := slices.Contains(of, i)
		switch {
		case kind == faultItem && !in:
			set = append(set, watching(name))
		case kind == faultItem || !in:
		case kind == kernelItem:
			p.Kernel = other.Kernel
		case kind == sysctlItem:
			take(p.Sysctls, other.Sysctls, name)
		default:
			take(p.Set, other.Set, name)
		}
	}
	set = append(set, p.Settings(s.hosts)...)
	loaded, err := s.file.With(set)
	if err != nil {
		return campaign.Arm{}, fmt.Errorf("items %v: %w", of, err)
	}
	values, err := yamldoc.Settings(set)
	return campaign.Arm{Scenario: loaded, Hash: loaded.Hash(), Kernel: p.Kernel, Set: values}, err
}

// split returns the kind of an item and its name within the kind; a setting of the scenario has no kind.
func (i Item) split() (kind, name string) {
	for _, kind := range []string{sysctlItem, faultItem} {
		if len(i.Name) > len(kind) && i.Name[:len(kind)] == kind {
			return kind, i.Name[len(kind):]
		}
	}
	if i.Name == kernelItem {
		return kernelItem, ""
	}
	return "", i.Name
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// take makes a value as it is in another mapping, which may not have it.
func take(into, from map[string]string, name string) {
	if v, ok := from[name]; ok {
		into[name] = v
	} else {
		delete(into, name)
	}
}
