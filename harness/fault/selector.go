package fault

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ruleout/ruleout/harness/scenario"
)

// selector decides about each packet that enters a stage: pass, or do.
type selector struct {
	class scenario.Packets
	draws draws
	// orders is where the fault's time span and key are.
	orders slot
	// matched, chosen and overflow are counters: packets of the class, those chosen among
	// them, and packets of flows for which there was no room in the table.
	matched, chosen, overflow slot
	// clones is how many copies of a chosen packet the program sends ahead of it, through
	// the device with this index. With 0 of them, it gives the packet to netem.
	clones, device int
	// bands is how many acting bands there are: one for each step of a ramp of what is done, one
	// without a ramp, none if netem has nothing to do. Step n has the class actingBand + n.
	bands int
	// choose is what the scenario says of the packets, and flow the flow that it names, or nil.
	choose scenario.Select
	flow   *scenario.Flow
	// when is when the fault acts.
	when schedule
	// tap captures what is chosen.
	tap tap
}

// schedule is when a fault acts, relative to the start of the measured window, and how its value
// changes meanwhile. Length 0 is without end, every 0 is once, times 0 is for ever.
type schedule struct {
	at, length, every time.Duration
	times             int
	ramp              *scenario.Ramp
}

// check refuses what the program does not do.
func (s selector) check() error {
	known := s.choose
	known.Packets, known.Chance = "", nil
	switch {
	case known != scenario.Select{} || s.class != scenario.AnyPacket && s.class != scenario.PureACK:
		return errors.New("its selector cannot be done yet")
	case s.when.every > 0 || s.when.ramp != nil:
		return errors.New("its schedule cannot be done yet")
	}
	return nil
}

const (
	// flows that one fault can tell apart. Packets of further ones share a flow; the
	// receipt says how many those were.
	maxFlows = 1 << 16
	// cloneMark is put on copies, which come by the selector again. A wire has no other marks.
	cloneMark = 1
	// etherHeader is the length of an Ethernet header; veths carry nothing else.
	etherHeader = 14
)

// actingBand is the first band of the prio qdisc in a stage that holds a netem, as a class of "1:".
const actingBand = 0x10002

// The selector's stack.
const (
	stackFlow   = -flowSize       // the flow
	stackHeader = stackFlow - 40  // the header that is looked at: 40 bytes
	stackState  = stackHeader - 8 // a flow's state before its first packet
	flowSource  = stackFlow       // offsets within the flow
	flowTarget  = stackFlow + 16
	flowPorts   = stackFlow + 32
	flowProto   = stackFlow + 36
	flowVersion = stackFlow + 37
)

// Registers that live through the selector. R0 to R5 are scratch.
const (
	ctx    = asm.R6
	offset = asm.R7 // of the header that is looked at, in the frame
	rest   = asm.R8 // length of the packet from there, as the headers say
	proto  = asm.R9 // number of that header
)

// program returns the selector as a direct-action program for the egress side of
// clsact, and the flow table that goes with it, or nil when it needs none. Packets on
// which the fault is to act leave it with the priority of the acting band.
func (s selector) program(st *state) (_ *ebpf.Program, flows *ebpf.Map, err error) {
	if !s.draws.always {
		flows, err = ebpf.NewMap(&ebpf.MapSpec{
			Name: "flows", Type: ebpf.Hash, KeySize: flowSize, ValueSize: 8, MaxEntries: maxFlows, Flags: noPrealloc,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("create flow table: %w", err)
		}
		defer func() {
			if err != nil {
				_ = flows.Close()
			}
		}()
	}
	var a assembler
	a.add(asm.Mov.Reg(ctx, asm.R1))
	s.match(&a, st)
	if flows != nil {
		s.draw(&a, st, flows)
	}
	s.act(&a, st)
	a.label("pass")
	a.verdict(verdictOK)
	p, err := a.load("selector")
	return p, flows, err
}

// noPrealloc is BPF_F_NO_PREALLOC: elements are allocated as flows appear.
const noPrealloc = 1

// match jumps to "pass" for packets that are not of the class or not in the window, and
// counts the others. It leaves the flow on the stack if a draw is to follow.
func (s selector) match(a *assembler, st *state) {
	a.add(asm.LoadMem(asm.R0, ctx, skbMark, asm.Word))
	if s.tap.on() {
		a.add(asm.And.Imm(asm.R0, cloneMark)) // the other bits are the packet's number
	}
	a.add(asm.JNE.Imm(asm.R0, 0, "pass"))
	a.control(asm.R0, st, s.orders+startWord)
	a.add(asm.LoadImm(asm.R1, -1, asm.DWord), asm.JEq.Reg(asm.R0, asm.R1, "pass")) // never: save the rest
	a.add(asm.LoadMem(asm.R0, ctx, skbProtocol, asm.Word))
	if s.class == scenario.AnyPacket && s.draws.always {
		a.add(asm.JEq.Imm(asm.R0, etherIPv4, "match"), asm.JNE.Imm(asm.R0, etherIPv6, "pass"))
	} else {
		s.parse(a)
	}
	a.label("match")
	a.add(asm.FnKtimeGetNs.Call())
	a.control(asm.R1, st, s.orders+startWord)
	a.add(asm.JLT.Reg(asm.R0, asm.R1, "pass"))
	a.control(asm.R1, st, s.orders+endWord)
	a.add(asm.JGE.Reg(asm.R0, asm.R1, "pass"))
	a.count(st, s.matched)
}

// draw jumps to "pass" unless the packet is chosen by decision.
func (s selector) draw(a *assembler, st *state, flows *ebpf.Map) {
	lookup := func() {
		a.add(asm.LoadMapPtr(asm.R1, flows.FD()), asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, stackFlow), asm.FnMapLookupElem.Call())
	}
	lookup()
	a.add(asm.JNE.Imm(asm.R0, 0, "known"))

	// The flow's first packet: fold its 40 bytes into the fault's key.
	a.control(asm.R0, st, s.orders+keyWord)
	for i := int16(0); i < flowSize; i += 8 {
		a.add(asm.LoadMem(asm.R1, asm.RFP, stackFlow+i, asm.DWord), asm.Xor.Reg(asm.R0, asm.R1))
		a.mix()
	}
	a.add(asm.StoreMem(asm.RFP, stackState, asm.R0, asm.DWord))
	a.add(asm.LoadMapPtr(asm.R1, flows.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, stackFlow),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, stackState),
		asm.Mov.Imm(asm.R4, 1), // BPF_NOEXIST: another CPU may have been first
		asm.FnMapUpdateElem.Call())
	lookup()
	a.add(asm.JNE.Imm(asm.R0, 0, "known"))
	a.count(st, s.overflow) // the table is full: one flow for all that have no place
	a.add(asm.LoadMapValue(asm.R0, st.counters.FD(), uint32(s.overflow)))
	a.add(asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord), asm.LoadImm(asm.R1, asInt64(golden), asm.DWord), asm.Mul.Reg(asm.R0, asm.R1))
	a.control(asm.R1, st, s.orders+keyWord)
	a.add(asm.Add.Reg(asm.R0, asm.R1), asm.Ja.Label("drawn"))

	a.label("known")
	a.add(asm.LoadImm(asm.R1, asInt64(golden), asm.DWord), asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R0, asm.R2), asm.Add.Reg(asm.R0, asm.R1))
	a.label("drawn")
	a.mix()
	a.add(asm.LoadImm(asm.R1, int64(s.draws.below), asm.DWord), asm.JGE.Reg(asm.R0, asm.R1, "pass"))
}

// mix applies [mix] to R0, by way of R1.
func (a *assembler) mix() {
	for _, round := range []struct {
		shift int32
		times uint64
	}{{30, mixA}, {27, mixB}, {31, 1}} {
		a.add(asm.Mov.Reg(asm.R1, asm.R0), asm.RSh.Imm(asm.R1, round.shift), asm.Xor.Reg(asm.R0, asm.R1))
		if round.times != 1 {
			a.add(asm.LoadImm(asm.R1, int64(round.times), asm.DWord), asm.Mul.Reg(asm.R0, asm.R1))
		}
	}
}

func asInt64(u uint64) int64 { return int64(u) }

// act counts the packet as chosen, and copies it or gives it to netem.
//
// Copies are not made by netem. One netem makes one copy at most; and since "net:
// Introduce skb tc depth field to track packet loops" (98b34f3e8c, 2026; seen on 6.12.117
// and 7.2.13) its copies carry a flag for as long as they live, through veths and routers,
// by which no netem copies them again. A clone is a packet like any other.
func (s selector) act(a *assembler, st *state) {
	a.count(st, s.chosen)
	a.tap(s.tap, st, nil)
	if s.clones == 0 {
		if s.bands > 0 {
			a.set(ctx, skbPriority, actingBand)
		}
		return
	}
	// Clones come by here again: they are to pass.
	if s.tap.on() {
		a.add(asm.LoadMem(asm.R1, ctx, skbMark, asm.Word), asm.Or.Imm(asm.R1, cloneMark), asm.StoreMem(ctx, skbMark, asm.R1, asm.Word))
	} else {
		a.set(ctx, skbMark, cloneMark)
	}
	for range s.clones {
		a.add(asm.Mov.Reg(asm.R1, ctx), asm.Mov.Imm(asm.R2, int32(s.device)), asm.Mov.Imm(asm.R3, 0), asm.FnCloneRedirect.Call())
	}
}
