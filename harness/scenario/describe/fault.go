package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// Fault says what a fault does and to which packets, but for when: [When] says that.
//
//	drop 10 % of data segments from client, 3 at a time
//	hold SYN-ACKs of flow pages from web for 40 ms ± 5 ms (normal), in order
//	forge 2 segments into 1 connection of flow idle
//	take the link down
func Fault(f *scenario.Fault) string {
	if f.Do.Pause {
		return "stop all processes of " + f.Node
	}
	what, tail := chosen(f)
	return action(&f.Do, what) + tail + ramp(f)
}

// Brief names what a fault does with its main figure, for where there is no room for a sentence: delay 5 ms, 10 %.
func Brief(f *scenario.Fault) string {
	a := &f.Do
	out := a.Kind()
	switch out {
	case "delay":
		out += " " + Duration(a.Delay)
	case "reorder":
		out += " " + Duration(a.Reorder)
	case "duplicate":
		out += fmt.Sprintf(" %d×", a.Duplicate)
	case "rate":
		out += " " + Rate(a.Rate)
	case "mark":
		out += " CE"
	case "reject":
		out += " by " + Answer(a.Reject)
	case "mtu":
		out += fmt.Sprintf(" %d B", a.MTU)
	case "loss":
		if a.Loss.Random != nil {
			out += " " + Share(*a.Loss.Random)
		}
	}
	if c := f.Select.Chance; c != nil && *c < 1 {
		out += ", " + Share(*c)
	}
	return out
}

// action puts what happens around the packets that it happens to.
func action(a *scenario.Action, what string) string {
	switch a.Kind() {
	case "watch":
		return "watch " + what
	case "drop":
		return "drop " + what
	case "delay":
		return "hold " + what + " for " + Duration(a.Delay) + jitter(a)
	case "delays":
		shortest, longest := a.Delays[0], a.Delays[0]
		for _, d := range a.Delays {
			shortest, longest = min(shortest, d), max(longest, d)
		}
		return fmt.Sprintf("hold %s for %s to %s (a table of %s)", what, Duration(shortest), Duration(longest),
			quantity.Plural(int64(len(a.Delays)), "delay")) + inOrder(a)
	case "reorder":
		return fmt.Sprintf("hold %s for %s, so that later ones overtake", what, Duration(a.Reorder))
	case "duplicate":
		return fmt.Sprintf("copy %d× %s", a.Duplicate, what)
	case "corrupt":
		return "flip one bit in each of " + what
	case "rate":
		return "squeeze " + what + " to " + Rate(a.Rate) + framing(a)
	case "slot":
		return "let " + what + " pass only in slots" + slots(a.Slot) + framing(a)
	case "loss":
		return lose(a.Loss, what)
	case "mtu":
		if a.Silent {
			return fmt.Sprintf("swallow %s that do not fit %d B, without telling the sender (a black hole)", what, a.MTU)
		}
		return fmt.Sprintf("refuse %s that do not fit %d B, and tell the sender by ICMP", what, a.MTU)
	case "mark":
		return "mark " + what + " with CE, those that are ECT"
	case "reject":
		return "refuse " + what + ", and answer their sender by " + Answer(a.Reject)
	case "down":
		return "take the link down"
	case "inject":
		return inject(a.Inject)
	}
	return "do nothing to " + what
}

// Answer names the answer to a packet that is rejected.
func Answer(r scenario.Reject) string {
	if r == scenario.RejectRST {
		return "RST"
	}
	return "ICMP " + string(r)
}

// Message is what a fault sends that informs the senders of packets that it refuses.
func Message(f *scenario.Fault) string {
	if f.Do.Reject == scenario.RejectRST {
		return "RST"
	}
	return "ICMP message"
}

func jitter(a *scenario.Action) string {
	if a.Jitter == 0 {
		return ""
	}
	distribution := a.Distribution
	if distribution == "" {
		distribution = scenario.Uniform
	}
	return fmt.Sprintf(" ± %s (%s)", Duration(a.Jitter), distribution) + inOrder(a)
}

func inOrder(a *scenario.Action) string {
	if a.InOrder {
		return ", in order"
	}
	return ""
}

// framing says how a bottleneck counts the length of a packet, and how many it makes wait.
func framing(a *scenario.Action) string {
	var parts []string
	if a.Overhead != 0 {
		parts = append(parts, fmt.Sprintf("%+d B a packet", a.Overhead))
	}
	if c := a.Cell; c != nil {
		cell := fmt.Sprintf("in cells of %d B", c.Size)
		if c.Overhead > 0 {
			cell += fmt.Sprintf(" and %d B of overhead", c.Overhead)
		}
		parts = append(parts, cell)
	}
	if a.Queue > 0 {
		parts = append(parts, "a queue of "+quantity.Plural(int64(a.Queue), "packet"))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func slots(s *scenario.Slot) string {
	out := " " + Duration(s.Min)
	if s.Max > s.Min {
		out += " to " + Duration(s.Max)
	}
	out += " apart"
	var most []string
	if s.Packets > 0 {
		most = append(most, quantity.Plural(int64(s.Packets), "packet"))
	}
	if s.Bytes > 0 {
		most = append(most, Size(s.Bytes))
	}
	if len(most) == 0 {
		return out
	}
	return out + ", at most " + strings.Join(most, " and ") + " in each"
}

// lose says which of netem's models loses, with its parameters by the names of tc-netem(8).
func lose(l *scenario.Loss, what string) string {
	switch {
	case l.Random != nil:
		return fmt.Sprintf("lose %s at random, %s in the mean", what, Share(*l.Random))
	case l.GEModel != nil:
		g := l.GEModel
		bad := scenario.Share(1)
		if g.Bad != nil {
			bad = *g.Bad
		}
		out := fmt.Sprintf("lose %s in bursts (Gilbert-Elliott: p %s, r %s", what, Share(g.P), Share(g.R))
		if bad != 1 {
			out += ", 1-h " + Share(bad)
		}
		if g.Good != 0 {
			out += ", 1-k " + Share(g.Good)
		}
		return out + ")"
	case l.State != nil:
		s := l.State
		out := fmt.Sprintf("lose %s in bursts (4 states: p13 %s", what, Share(s.P13))
		for _, p := range []struct {
			name  string
			value *scenario.Share
		}{{"p31", s.P31}, {"p32", &s.P32}, {"p23", s.P23}, {"p14", &s.P14}} {
			if p.value != nil && *p.value > 0 {
				out += ", " + p.name + " " + Share(*p.value)
			}
		}
		return out + ")"
	}
	return "lose none of " + what
}

// ramp says how a value changes while the fault acts.
func ramp(f *scenario.Fault) string {
	r := f.Ramp
	if r == nil {
		return ""
	}
	name, _, to, rises := RampValues(f)
	verb := "falling"
	if rises {
		verb = "rising"
	}
	return fmt.Sprintf(", %s %s to %s over %s in %d steps", name, verb, to, Duration(r.Over), r.Steps)
}

// RampValues returns what the ramp of a fault changes, from which value to which, in words, and whether it grows.
func RampValues(f *scenario.Fault) (name, from, to string, rises bool) {
	switch r := f.Ramp; {
	case r.Chance != nil:
		chance := scenario.Share(1)
		if f.Select.Chance != nil {
			chance = *f.Select.Chance
		}
		return "chance", Share(chance), Share(*r.Chance), *r.Chance > chance
	case r.Delay > 0:
		return "delay", Duration(f.Do.Delay), Duration(r.Delay), r.Delay > f.Do.Delay
	default:
		return "rate", Rate(f.Do.Rate), Rate(r.Rate), r.Rate > f.Do.Rate
	}
}
