package page

import (
	"github.com/ruleout/ruleout/harness/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// term is a word of the page that not every reader knows. It is explained on pages that use it.
type term struct {
	name, text string
	used       func(r *result.Record, s *scenario.Scenario) bool
}

// terms in the order in which the page uses them.
var terms = []term{
	{"pure ACK", "A TCP segment that acknowledges data and carries none. A receiver sends one for every second segment or so.", class(scenario.PureACK, scenario.DupACK)},
	{"duplicate ACK", "An ACK equal to the one before it. To a sender it means that something arrived, but not what was due: three of them count as a loss (RFC 5681). A sender that uses SACK looks at what the ACK reports instead, and is not misled by copies.", func(r *result.Record, s *scenario.Scenario) bool {
		return class(scenario.DupACK)(r, s) || action("duplicate")(r, s) && class(scenario.PureACK, scenario.AnyPacket, scenario.TCPPacket)(r, s)
	}},
	{"forged segment, ACK loop", "A segment that neither end sent, made up to look as if one had. A TCP that gets a segment which does not fit into its window answers with an ACK (RFC 9293, section 3.10.7.4). When two ends no longer agree on where they are in the conversation, each one's ACK does not fit the other's window, is answered by another ACK, and so on without end: an ACK loop, which carries nothing and costs both ends the CPU time of every packet. Linux since 4.0 sends at most one such ACK in tcp_invalid_ratelimit, 500 ms unless set otherwise; 0 takes the brake off.", action("inject")},
	{"SYN, SYN-ACK", "The first two segments of a connection. One that is lost is sent again after a second, then after two more, and so on.", class(scenario.SYN, scenario.SYNACK)},
	{"partition, black hole", "Packets vanish and nobody is told. Only timeouts notice.", func(r *result.Record, s *scenario.Scenario) bool {
		for i := range s.Faults {
			d := &s.Faults[i].Do
			if d.Silent || d.Drop && s.Faults[i].Select.Packets == scenario.AnyPacket && s.Faults[i].Select.Chance != nil && *s.Faults[i].Select.Chance == 1 {
				return true
			}
		}
		return false
	}},
	{"loss models", "Real networks lose packets in bursts. Gilbert's and Elliott's model has a good state and a bad one; p and r are the chances of going from one to the other at each packet, 1-h and 1-k those of loss in the bad and in the good one.", action("loss")},
	{"softirq", "The part of the kernel that handles packets. Its time belongs to no program: a node can be at its limit while every program on it looks idle.", always},
	{"run queue", "Tasks that could run or do. More than there are CPUs means that some wait.", always},
	{"accept queue", "Connections that are established and wait for the application to take them. When it is full, the kernel drops what comes, and clients try again a second later.", func(r *result.Record, _ *scenario.Scenario) bool {
		for node := range r.Counters {
			if r.Metrics[node+".accept_queue.max"].Value > 0 {
				return true
			}
		}
		return false
	}},
	{"matched, chosen, delivered", "Matched packets were of the fault's kind while it was on. It acted on those that it chose. Delivered is what the far end of the wire saw of it, counted by something else than what acted.", hasFaults},
	{"within chance", "A fault with a chance chooses each packet for itself, so the number chosen varies. The interval given holds in 999 of 1000 runs; a number outside of it makes a run invalid.", func(r *result.Record, _ *scenario.Scenario) bool {
		for _, f := range r.Faults {
			if len(f.Interval) == 2 {
				return true
			}
		}
		return false
	}},
	{"p50, p99, p99.9", "Half of all answers took no longer than p50, 99 in 100 no longer than p99, 999 in 1000 no longer than p99.9.", func(r *result.Record, _ *scenario.Scenario) bool { return r.Load.Planned > 0 }},
	{"virtual time", "The run happened in an emulated machine whose clock counts instructions, so that it comes out the same every time. A busy computer makes the run take longer and changes nothing in it.", func(r *result.Record, _ *scenario.Scenario) bool { return r.Backend == "vm" }},
	{"digest", "A hash of all that was measured. Equal digests mean equal to the bit.", always},
}

func always(*result.Record, *scenario.Scenario) bool { return true }

func hasFaults(_ *result.Record, s *scenario.Scenario) bool { return len(s.Faults) > 0 }

// class says whether a fault is about packets of a class.
func class(classes ...scenario.Packets) func(*result.Record, *scenario.Scenario) bool {
	return func(_ *result.Record, s *scenario.Scenario) bool {
		for i := range s.Faults {
			for _, c := range classes {
				if s.Faults[i].Select.Packets == c && s.Faults[i].Do.Inject == nil && !s.Faults[i].Do.Down {
					return true
				}
			}
		}
		return false
	}
}

// action says whether a fault does something.
func action(kind string) func(*result.Record, *scenario.Scenario) bool {
	return func(_ *result.Record, s *scenario.Scenario) bool {
		for i := range s.Faults {
			if s.Faults[i].Do.Kind() == kind {
				return true
			}
		}
		return false
	}
}

// words are the terms that the page of a record uses.
func words(r *result.Record, s *scenario.Scenario) (list [][2]string) {
	for _, t := range terms {
		if t.used(r, s) {
			list = append(list, [2]string{t.name, t.text})
		}
	}
	return list
}
