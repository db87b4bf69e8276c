package page

import (
	"slices"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// term is a word of the page that not every reader knows. It is explained on pages that use it.
type term struct {
	name, text string
	used       func(r *result.Record, s *scenario.Scenario) bool
}

// knowledge is what one has to know to understand a fault.
var knowledge = []struct {
	text string
	of   func(f *scenario.Fault) bool
}{
	{"A pure ACK is a TCP segment that acknowledges data and carries none. " +
		"A receiver sends one for every second segment or so.", ofClass(scenario.PureACK, scenario.DupACK)},
	{"A duplicate ACK equals the one before it. To a sender it means that something arrived, but not what was due: " +
		"three of them count as a loss (RFC 5681). A sender that uses SACK looks at what the ACK reports instead, " +
		"and is not misled by copies.", func(f *scenario.Fault) bool {
		return ofClass(scenario.DupACK)(f) || f.Do.Duplicate > 0 && ofClass(scenario.PureACK, scenario.AnyPacket,
			scenario.TCPPacket)(f)
	}},
	{"The segments are forged: neither end sent them, but they look as if one had. " +
		"A TCP that gets a segment which does not fit into its window answers with an ACK (RFC 9293, section 3.10.7.4). " +
		"When the two ends no longer agree on where they are in the conversation, " +
		"the ACK of each does not fit the window of the other and is answered by another ACK, and so on without end: " +
		"an ACK loop, which carries nothing and costs both ends the CPU time of every packet. " +
		"Linux since 4.0 sends at most one such ACK in the time that tcp_invalid_ratelimit says, " +
		"500 ms unless set otherwise; 0 takes the brake off.", func(f *scenario.Fault) bool { return f.Do.Inject != nil }},
	{"SYN and SYN-ACK are the first two segments of a connection. One that is lost is sent again after a second, " +
		"then after two more, and so on.", ofClass(scenario.SYN, scenario.SYNACK)},
	{"The loss of the packets is not reported. Only timeouts notice it.", func(f *scenario.Fault) bool {
		all := f.Select.Chance == nil || *f.Select.Chance == 1
		return f.Do.Silent || f.Do.Drop && all && ofClass(scenario.AnyPacket, "")(f)
	}},
	{"Real networks lose packets in bursts. Gilbert's and Elliott's model has a good state and a bad one: " +
		"p and r are the chances of going from one to the other at each packet, 1-h and 1-k those of loss in the " +
		"bad and in the good one.", func(f *scenario.Fault) bool { return f.Do.Loss != nil && f.Do.Loss.GEModel != nil }},
	{"Both nodes notice at once that the link has no carrier, as when a cable is pulled.",
		func(f *scenario.Fault) bool { return f.Do.Down }},
}

// know says what one has to know to understand a fault, but for what has been told.
func know(f *scenario.Fault, told map[string]bool) (list []string) {
	for _, k := range knowledge {
		if k.of(f) && !told[k.text] {
			told[k.text] = true
			list = append(list, k.text)
		}
	}
	return list
}

// ofClass says whether a fault chooses packets of a class.
func ofClass(classes ...scenario.Packets) func(*scenario.Fault) bool {
	return func(f *scenario.Fault) bool {
		return f.Do.Inject == nil && !f.Do.Down && slices.Contains(classes, f.Select.Packets)
	}
}

// terms in the order in which the page uses them.
var terms = []term{
	{"softirq", "The part of the kernel that handles packets. Its time belongs to no program: " +
		"a node can be at its limit while every program on it looks idle.", always},
	{"run queue", "Tasks that could run or do. More than there are CPUs means that some wait.", always},
	{"accept queue", "Connections that are established and wait for the application to take them. When it is full, the " +
		"kernel drops what comes, and clients try again a second later.", func(r *result.Record, _ *scenario.Scenario) bool {
		for node := range r.Counters {
			if r.Metrics[node+".accept_queue.max"].Value > 0 {
				return true
			}
		}
		return false
	}},
	{"matched, chosen, delivered", "Matched packets were of the fault's kind while it was on. It acted on those that it " +
		"chose. Delivered is what the far end of the wire saw of it, counted by something else than what acted.", hasFaults},
	{"within chance", "A fault with a chance chooses each packet for itself, so the number chosen varies. " +
		"The interval given holds in 999 of 1000 runs; a number outside of it makes a run invalid.",
		func(r *result.Record, _ *scenario.Scenario) bool {
			for _, f := range r.Faults {
				if len(f.Interval) == 2 {
					return true
				}
			}
			return false
		}},
	{"p50, p99, p99.9", "Half of all answers took no longer than p50, 99 in 100 no longer than p99, " +
		"999 in 1000 no longer than p99.9.", func(r *result.Record, _ *scenario.Scenario) bool { return r.Load.Planned > 0 }},
	{"virtual time", "The run happened in an emulated machine whose clock counts instructions, " +
		"so that it comes out the same every time. A busy computer makes the run take longer and changes nothing in it.",
		func(r *result.Record, _ *scenario.Scenario) bool { return r.Backend == "vm" }},
	{"digest", "A hash of all that was measured. Equal digests mean equal to the bit.", always},
}

func always(*result.Record, *scenario.Scenario) bool { return true }

func hasFaults(_ *result.Record, s *scenario.Scenario) bool { return len(s.Faults) > 0 }

// words are the terms that the page of a record uses.
func words(r *result.Record, s *scenario.Scenario) (list [][2]string) {
	for _, t := range terms {
		if t.used(r, s) {
			list = append(list, [2]string{t.name, t.text})
		}
	}
	return list
}
