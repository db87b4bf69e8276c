package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// action checks that a fault does one thing, and that the thing can be done.
func (v *validation) action(path string, a *Action, link *Link) {
	if !v.sound(path) {
		return
	}
	set := a.set()
	switch {
	case len(set) == 0 && a.Jitter > 0:
		v.fail(path+".jitter", "jitter without delay", "add the key delay, the mean around which it varies")
		return
	case len(set) == 0:
		v.fail(path, "a fault that does nothing", "one of: "+strings.Join(kinds, ", "))
		return
	case len(set) > 1:
		v.fail(path, "a fault does one thing, not "+strings.Join(set, " and "),
			"write one fault for each; they act one after the other")
		return
	}
	kind := set[0]
	for _, c := range []struct {
		key   string
		given bool
		goes  []string
	}{
		{"jitter", a.Jitter > 0, []string{"delay"}},
		{"in-order", a.InOrder, []string{"delay", "delays"}},
		{"distribution", a.Distribution != "", []string{"delay"}},
		{"overhead", a.Overhead != 0, []string{"rate"}},
		{"cell", a.Cell != nil, []string{"rate"}},
		{"queue", a.Queue != 0, []string{"rate", "slot"}},
		{"silent", a.Silent, []string{"mtu"}},
	} {
		if c.given && !slices.Contains(c.goes, kind) {
			v.fail(path+"."+c.key, fmt.Sprintf("%s goes with %s, not with %s", c.key, strings.Join(c.goes, " or "), kind), "")
			return
		}
	}
	switch kind {
	case "delay":
		v.delay(path, a)
	case "delays":
		v.delays(path+".delays", a.Delays)
	case "slot":
		v.slot(path+".slot", a.Slot)
	case "loss":
		v.loss(path+".loss", a.Loss)
	case "mtu":
		if link != nil && a.MTU >= link.MTU {
			v.fail(path+".mtu",
				fmt.Sprintf("no packet of this link is longer than its MTU of %d: the fault would never act", link.MTU), "")
		}
	case "inject":
		v.inject(path+".inject", a.Inject)
	}
}

func (v *validation) delay(path string, a *Action) {
	switch {
	case a.Jitter > a.Delay:
		v.fail(path+".jitter", fmt.Sprintf("a jitter of %v is more than the delay of %v", a.Jitter, a.Delay),
			"a packet cannot leave before it came")
	case a.Jitter > mostJitter && (a.Distribution == Pareto || a.Distribution == ParetoNormal):
		v.fail(path+".jitter", fmt.Sprintf("a standard deviation of %v; with the distribution %s, netem can hold %v",
			a.Jitter, a.Distribution, Duration(mostJitter)), "")
	case a.Jitter == 0 && a.Distribution != "":
		v.fail(path+".distribution", "a distribution of no jitter", "add the key jitter, its standard deviation")
	case a.Jitter == 0 && a.InOrder:
		v.fail(path+".in-order", "in-order without jitter", "packets with the same delay stay in order")
	}
}

// widest is the span of delays that netem's table can hold: its values are 16 bits, and what they are multiplied by is
// 31 bits of nanoseconds.
const widest = 17e9

func (v *validation) delays(path string, list []Duration) {
	if len(list) < 2 {
		v.fail(path, "a distribution of fewer than two delays", "for one, write do: {delay: …}")
		return
	}
	for i, d := range list {
		if at := fmt.Sprintf("%s[%d]", path, i); d < 0 || d > 60e9 {
			v.fail(at, fmt.Sprintf("delays are 0s to 1m, not %v", d), "")
			return
		}
	}
	switch least, most := slices.Min(list), slices.Max(list); {
	case least == most:
		v.fail(path, fmt.Sprintf("all of these delays are %v", least), fmt.Sprintf("write do: {delay: %v}", least))
	case most-least > widest:
		v.fail(path, fmt.Sprintf("these delays are up to %v apart; netem can hold %v", most-least, Duration(widest)),
			"add the key delay with a fault of its own for what all have in common")
	}
}

// mostJitter is what netem can hold, a 31-bit number of nanoseconds, times the standard deviation of iproute2's
// Pareto tables.
const mostJitter = 1.75e9

// mostSlotSpan is the greatest difference of two times between slots: the kernel multiplies it by a 32-bit random
// number in 63 bits (get_slot_next in net/sched/sch_netem.c; widened in 2026).
const mostSlotSpan = 1<<31 - 1

func (v *validation) slot(path string, s *Slot) {
	switch {
	case s.Max > 0 && s.Max < s.Min:
		v.fail(path+".max", fmt.Sprintf("at most %v between slots, but at least %v", s.Max, s.Min), "")
	case s.Max-s.Min > mostSlotSpan:
		v.fail(path+".max", fmt.Sprintf("%v to %v between slots; netem can tell up to %v apart", s.Min, s.Max,
			Duration(mostSlotSpan)), "")
	}
}

func (v *validation) loss(path string, l *Loss) {
	set := 0
	for _, is := range []bool{l.Random != nil, l.GEModel != nil, l.State != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		v.fail(path, "loss is by one model", "one of: random, gemodel, state")
		return
	}
	s := l.State
	if s == nil || !v.sound(path) {
		return
	}
	for _, c := range []struct {
		key  string
		a, b Share
	}{{"p14", s.P13, s.P14}, {"p32", valueOr(s.P31, 1-s.P13), s.P32}} {
		if c.a+c.b > 1+1e-12 {
			v.fail(path+".state."+c.key, fmt.Sprintf("probabilities that leave one state add up to %v", c.a+c.b),
				"p13 and p14 leave state 1, p31 and p32 leave state 3: 100% together at most")
		}
	}
}

// valueOr returns what p points to, or else.
func valueOr(p *Share, otherwise Share) Share {
	if p == nil {
		return otherwise
	}
	return *p
}

// Bits of the TCP flags, in the order of RFC 9293, from the lowest.
var flagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// TCPFlags returns the flags of a forged segment as the byte of the header.
func (s *Segment) TCPFlags() (flags byte, err error) {
	for _, name := range strings.Split(s.Flags, "+") {
		i := slices.Index(flagNames, name)
		if i < 0 {
			return 0, fmt.Errorf("unknown flag %s in %s", quote(name), quote(s.Flags))
		}
		flags |= 1 << i
	}
	return flags, nil
}

func (v *validation) inject(path string, in *Inject) {
	if len(in.Segments) == 0 {
		v.fail(path+".segments", "no segments", "a segment is a mapping with the key to")
		return
	}
	flow := v.Flows[in.Flow]
	for i := range in.Segments {
		s, at := &in.Segments[i], fmt.Sprintf("%s.segments[%d]", path, i)
		if _, err := s.TCPFlags(); err != nil {
			v.fail(at+".flags", err.Error(), "flags, joined by +: "+strings.Join(flagNames, ", "))
		}
		if flow != nil && s.To != flow.From && s.To != flow.To {
			v.fail(at+".to", fmt.Sprintf("%s is not an end of the flow %s", quote(s.To), in.Flow),
				fmt.Sprintf("to is the end that receives the segment: %s or %s", flow.From, flow.To))
		}
	}
}
