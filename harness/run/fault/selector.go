package fault

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// selector decides about each packet that enters a stage: pass, or do. [newSelector] makes one
// from what a scenario says; counters, and what is done to the chosen, are added by who places it.
type selector struct {
	// class of packets that match; never empty.
	class scenario.Packets
	// choose is what else the scenario says of the packets.
	choose scenario.Select
	// named are the connections whose packets match; nil for all.
	named *connections
	// draws say which of the matching packets are chosen, and when is when the fault acts.
	draws draws
	when  schedule
	// orders is where the fault's beginning and key are.
	orders slot
	// tally is where it counts.
	tally
	// clones is how many copies of a chosen packet the program sends ahead of it.
	clones int
	// device is the index of the one by which copies, and packets for netem, go out. If through, all packets do.
	device  int
	through bool
	// corrupt has the program flip a bit, and flipped is the counter of those that are. side is the end of
	// the link, 0 or 1, that the packets come from.
	corrupt bool
	flipped slot
	side    int
	// bands is how many acting bands there are: one for each step of a ramp of what is done, one
	// without a ramp, none if netem has nothing to do. Step n has the class actingBand + n.
	bands int
	// detach is for a stage whose netem holds the chosen; nil for all others.
	detach *detacher
	// refuse is for those who refuse packets; nil for the others.
	refuse *refusal
	// mark has the program set the ECN field to CE.
	mark bool
	// births has the beginnings of connections, for those who ask how old one is; nil for the others.
	births *ebpf.Map
	// track is for those who only want the parser: the flow is left on the stack.
	track bool
	// tap captures what is chosen.
	tap tap
}

// newSelector is the selector of a scenario's fault j for packets that come from this side of the link.
func newSelector(s *scenario.Scenario, j, side int) (selector, error) {
	f := &s.Faults[j]
	c := selector{class: f.Select.Packets, choose: f.Select, draws: newDraws(f, side), when: newSchedule(f),
		orders: ordersAt(j)}
	if c.class == "" {
		c.class = scenario.AnyPacket
	}
	if c.choose.Last {
		c.class = scenario.DataSegment // with PSH
	}
	if f.Do.Mark != "" && c.choose.ECN == "" {
		c.choose.ECN = scenario.ECT
	}
	if f.Select.Flow != "" {
		var err error
		if c.named, err = newConnections(s, f.Select.Flow); err != nil {
			return c, err
		}
	}
	if icmp := f.Select.Packets == scenario.ICMPPacket; icmp || f.Select.Packets == scenario.Fragment {
		if c.wantsPorts() || c.choose.Last || icmp && c.named != nil {
			return c, fmt.Errorf("packets of the class %s have no ports and carry no data of TCP", f.Select.Packets)
		}
	}
	if !c.class.TCP() && (c.choose.After != nil || c.choose.Payload != nil && c.class != scenario.UDPPacket) {
		return c, fmt.Errorf("packets of the class %s have no such payload, or no connection", c.class)
	}
	return c, nil
}

const (
	// flows of one IP version that one fault can tell apart. Packets of further ones share a flow; the
	// receipt says how many those were.
	maxFlows = 1 << 16
	// etherHeader is the length of an Ethernet header; veths carry nothing else.
	etherHeader = 14
)

// actingBand is the first band of the prio qdisc in a stage that holds a netem, as a class of "1:".
const actingBand = 0x10002

// The selector's stack.
const (
	stackFlow      = -flowSize                // the flow
	stackHeader    = stackFlow - 40           // the header that is looked at: 40 bytes
	stackMemory    = stackHeader - memorySize // a flow's place in the table before its first packet
	stackSince     = stackMemory - 8          // ns since the fault began
	stackStep      = stackSince - 8           // of the ramp
	stackKind      = stackStep - 8            // of the packet
	stackLength    = stackKind - 8            // of the packet, with its IP header
	stackDirection = stackLength - 8          // within the named connections
	stackClass     = stackDirection - 8       // traffic class of the packet: DSCP and ECN
	stackPayload   = stackClass - 8           // length of what it carries
	stackOrdinal   = stackPayload - 8         // of the packet, for a tap
	stackKey       = stackOrdinal - shortSize // of the table
	stackSeq       = stackKey - 8             // sequence number of a segment whose connection's age is asked for
	stackBirth     = stackSeq - birthSize     // of a connection, for the table
	flowSource     = stackFlow                // offsets within the flow
	flowTarget     = stackFlow + 16
	flowPorts      = stackFlow + 32
	flowProto      = stackFlow + 36
	flowVersion    = stackFlow + 37
)

// Registers that live through the parser. R0 to R5 are scratch.
const (
	ctx    = asm.R6
	offset = asm.R7 // of the header that is looked at, in the frame
	rest   = asm.R8 // length of the packet from there, as the headers say
	proto  = asm.R9 // number of that header
)

// program returns the selector as a direct-action program, and the tables that go with it, which hold nothing when it
// needs none. Packets for netem leave by the device, with the priority of its acting band if it has several; all
// others go on.
func (s selector) program(st *state, on onward) (_ *ebpf.Program, flows *flowTable, err error) {
	if s.keeps() || s.choose.After != nil {
		if flows, err = newFlowTable(s.keeps(), s.choose.After != nil); err != nil {
			return nil, nil, err
		}
		s.births = flows.births
		defer func() {
			if err != nil {
				_ = flows.Close()
			}
		}()
	}
	var a assembler
	a.Add(asm.Mov.Reg(ctx, asm.R1))
	s.match(&a, st, flows)
	s.draw(&a, st, flows)
	s.act(&a, st)
	if s.class == scenario.DupACK {
		if !s.keepsChosen() {
			a.Add(asm.Ja.Label("pass"))
		}
		a.Label("lost") // no room for its flow, so it is unknown whether it repeats another
		a.count(st, s.overflow)
	}
	a.Label("pass")
	a.onward(on)
	p, err := a.load("selector")
	return p, flows, err
}

// match jumps to "pass" for packets that do not match or come when the fault does not act, and
// counts the others. It leaves the flow on the stack if it is needed.
func (s selector) match(a *assembler, st *state, flows *flowTable) {
	if s.births == nil { // connections begin before the faults are armed, too
		s.armed(a, st)
	}
	switch {
	case s.class == scenario.DupACK:
		s.parse(a, st) // the last pure ACK is to be known even if it came before the fault acts
		if s.births != nil {
			s.armed(a, st)
		}
		flows.find(a, st, s.orders, "lost")
		s.matchDupACK(a)
		s.when.program(a, st, s.orders, s.begun)
	case s.births != nil:
		s.parse(a, st)
		s.when.program(a, st, s.orders, s.begun)
	default:
		s.when.program(a, st, s.orders, s.begun)
		s.parse(a, st)
	}
	s.matchLength(a)
	s.matchClass(a)
	s.matchPayload(a)
	s.matchAge(a)
	a.count(st, s.matched)
}

// armed jumps to "pass" before the fault is armed: its key is not known yet, of which the generators of flows are made.
// It loses R0 and R1.
func (s selector) armed(a *assembler, st *state) {
	a.control(asm.R0, st, s.orders+startWord)
	a.Add(asm.LoadImm(asm.R1, -1, asm.DWord), asm.JEq.Reg(asm.R0, asm.R1, "pass"))
}

// act counts the packet as chosen, and copies it or gives it to netem.
//
// Copies are not made by netem. One netem makes one copy at most; and since "net:
// Introduce skb tc depth field to track packet loops" (98b34f3e8c, 2026; seen on 6.12.117
// and 7.2.13) its copies carry a flag for as long as they live, through veths and routers,
// by which no netem copies them again. A clone is a packet like any other.
func (s selector) act(a *assembler, st *state) {
	if s.refuse != nil && s.refuse.limit > 0 {
		s.refuse.longer(a)
	}
	s.note(a, st, s.sorts(), s.when, s.orders)
	var number func(asm.Register)
	if !s.draws.all() {
		number = func(dst asm.Register) { a.Add(asm.LoadMem(dst, asm.RFP, stackOrdinal, asm.DWord)) }
	}
	a.tap(s.tap, st, number)
	switch {
	case s.refuse != nil:
		s.refuse.program(a, st)
	case s.corrupt:
		s.flip(a, st)
	case s.mark:
		s.setCE(a)
	case s.clones > 0:
		for range s.clones {
			a.copy(s.device)
		}
	case s.bands > 1:
		a.Add(asm.LoadMem(asm.R1, asm.RFP, stackStep, asm.DWord), asm.Add.Imm(asm.R1, actingBand),
			asm.StoreMem(ctx, skbPriority, asm.R1, asm.Word))
	case s.bands == 1 && s.through:
		a.set(skbPriority, actingBand)
	}
	a.detach(s.detach, "chosen")
	if s.refuse == nil && s.keepsChosen() {
		a.redirect(s.device)
	}
}

// keepsChosen reports whether the program ends with a chosen packet, which does not go on with the others then.
func (s selector) keepsChosen() bool { return s.refuse != nil || s.bands > 0 && !s.through }
