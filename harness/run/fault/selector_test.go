package fault

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// These tests run the selector in the kernel, packet by packet, through
// BPF_PROG_TEST_RUN; they need BPF but no netem.

// bench is one selector, armed for ever, with its counters.
type bench struct {
	*ebpf.Program
	state *state
	flows *flowTable
	selector
}

func newBench(t *testing.T, class scenario.Packets, d decision) *bench {
	t.Helper()
	b := newBenchOf(t, selector{class: class, draws: d.draws, bands: 1})
	b.arm(t, newOrders(0, d.key))
	return b
}

func newBenchOf(t testing.TB, s selector) *bench {
	t.Helper()
	require.NoError(t, rlimit.RemoveMemlock())
	st, err := newState(1, tallyWords)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	words := 0
	s.orders, s.tally = ordersAt(0), newTally(func() slot { words++; return slot(8 * (words - 1)) })
	require.Equal(t, tallyWords, words)
	s.device = 1
	p, flows, err := s.program(st, theEnd(t))
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Close()
		if flows != nil {
			flows.Close()
		}
	})
	return &bench{p, st, flows, s}
}

// theEnd is a program that a selector calls for packets that go on, and that lets them pass.
func theEnd(t testing.TB) onward {
	t.Helper()
	c, err := newSeries(0)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	var a assembler
	a.verdict(verdictOK)
	p, err := a.load("end")
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	require.NoError(t, c.boundary(0).put(p))
	return c.boundary(0)
}

func (b *bench) arm(t testing.TB, o orders) {
	t.Helper()
	b.state.orders[0] = o
	require.NoError(t, b.state.tell())
}

// run returns whether the frame was matched and whether it was given to netem.
func (b *bench) run(t *testing.T, frame []byte) (matched, chosen bool) {
	t.Helper()
	before, err := b.state.read()
	require.NoError(t, err)
	chosen = newRunner(b.Program).band(t, frame) == actingBand
	after, err := b.state.read()
	require.NoError(t, err)
	require.Equal(t, chosen, after.at(b.chosen) > before.at(b.chosen))
	return after.at(b.matched) > before.at(b.matched), chosen
}

// always is a decision for every packet; half is one for every second, about.
var always, half = newDecision(1, "test", 1), newDecision(1, "test", .5)

// Frames that were made by hand, with classes told by the eye; what the eye was not asked, gopacket says.
func TestSelectorKnowsItsClass(t *testing.T) {
	for _, class := range classes {
		for _, d := range []decision{always, half} {
			b := newBench(t, class, d)
			for _, p := range packets(t) {
				truth := decode(p.frame)
				want := truth.is(class) && !p.broken
				switch class {
				case scenario.AnyPacket:
					want = p.ip
				case scenario.PureACK:
					want = p.pureACK
				case scenario.DupACK: // of its flow's pure ACK before: of none of these, or of one that has the same numbers
					continue
				}
				matched, _ := b.run(t, p.frame)
				require.Equal(t, want, matched, "%s: %s, all %t", class, p.name, d.all())
			}
		}
	}
}

func TestOneFaultsDecisionsDoNotDependOnAnother(t *testing.T) {
	a, b, c := newDecision(7, "a", .5), newDecision(7, "b", .5), newDecision(8, "a", .5)
	same := func(x, y decision) (n int) {
		for i := range uint64(10000) {
			if x.chosen(flow{1}, i) == y.chosen(flow{1}, i) {
				n++
			}
		}
		return n
	}
	for name, n := range map[string]int{"two faults": same(a, b), "two seeds": same(a, c)} {
		lo, hi := binomialInterval(10000, .5)
		require.GreaterOrEqual(t, int64(n), lo, name)
		require.LessOrEqual(t, int64(n), hi, name)
	}
}

// The hash is part of what a record means: change it and old runs no longer replay.
func TestHashIsTheDocumentedOne(t *testing.T) {
	f := flow{10, 0, 0, 1, 16: 10, 0, 0, 2, 32: 0x9c, 0x40, 0, 80, 6, 4}
	d := newDecision(7, "dup-acks", .1)
	var chosen []uint64
	for n := range uint64(60) {
		if d.chosen(f, n) {
			chosen = append(chosen, n)
		}
	}
	require.Equal(t, []uint64{3, 18, 26, 31, 34, 48, 50, 51, 54, 58, 59}, chosen) // worked out apart, in Python
}

func TestNothingIsChosenOutsideTheWindow(t *testing.T) {
	b := newBench(t, scenario.AnyPacket, half)
	f := frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
	for name, start := range map[string]uint64{"not armed": never, "yet to come": never - 1} {
		b.arm(t, newOrders(start, 1))
		matched, chosen := b.run(t, f)
		require.False(t, matched, name)
		require.False(t, chosen, name)
	}
}

// A flow that found no room still gets decisions, and is counted.
func TestFlowsBeyondTheTableAreCounted(t *testing.T) {
	b := newBench(t, scenario.AnyPacket, half)
	f := frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
	for i := range maxFlows + 100 {
		binary.BigEndian.PutUint32(f[26:], uint32(i))
		_, err := b.Program.Run(&ebpf.RunOptions{Data: f})
		require.NoError(t, err)
	}
	c, err := b.state.read()
	require.NoError(t, err)
	require.EqualValues(t, maxFlows+100, c.at(b.matched))
	require.EqualValues(t, 100, c.at(b.overflow))
	lo, hi := binomialInterval(maxFlows+100, .5)
	require.GreaterOrEqual(t, c.at(b.chosen), lo)
	require.LessOrEqual(t, c.at(b.chosen), hi)
}
