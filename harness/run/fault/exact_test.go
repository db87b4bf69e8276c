package fault

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// lastACKs is what dup-ack remembers, by flow.
type lastACKs map[flow]string

// repeats reports whether a pure ACK is like the one before it on its flow, and remembers it.
func (l lastACKs) repeats(t *truth) bool {
	n := t.tcp
	now := fmt.Sprint(n.Seq, n.Ack, n.Window)
	before, ok := l[t.flow]
	l[t.flow] = now
	return ok && before == now
}

// For every class: so many packets that are of it, half of them of each IP version, and a quarter as many that are not,
// and not one mistake. The other opinion is gopacket's.
func TestSelectorsMakeNoMistake(t *testing.T) {
	const enough = 10_000 / 2
	g := generator{t, rand.New(rand.NewPCG(3, 1))}
	type judge struct {
		*bench
		*runner
		of, others [7]int // by IP version
	}
	judges := map[scenario.Packets]*judge{}
	for _, class := range classes {
		s, err := newSelector(testScenario(scenario.Fault{Select: scenario.Select{Packets: class, First: 1e9}}), 0, 0)
		require.NoError(t, err)
		s.bands = 1
		b := newBenchOf(t, s)
		b.arm(t, newOrders(0, 1))
		judges[class] = &judge{bench: b, runner: newRunner(b.Program)}
	}
	acks := lastACKs{}
	var stamped, sacked, echoed, byKind [kinds]int // by kind, of all frames
	look := func(class scenario.Packets, truth *truth, f []byte) {
		j := judges[class]
		want := truth.is(class)
		if want && class == scenario.DupACK {
			want = acks.repeats(truth)
		}
		if got := j.band(t, f) == actingBand; got != want {
			require.Equal(t, want, got, "%s: %x", class, f)
		}
		if want {
			j.of[truth.version]++
			if class == scenario.AnyPacket {
				byKind[truth.kind()]++
			}
		} else {
			j.others[truth.version]++
		}
	}
	for _, class := range classes {
		for j := judges[class]; min(j.of[4], j.of[6]) < enough; {
			f := g.of(class)
			truth := decode(f)
			look(class, &truth, f)
			if other := classes[g.IntN(len(classes))]; other != class {
				look(other, &truth, f)
			}
			if n := truth.tcp; n != nil {
				k := truth.kind()
				for _, o := range n.Options {
					switch o.OptionType {
					case layers.TCPOptionKindTimestamps:
						stamped[k]++
					case layers.TCPOptionKindSACK:
						sacked[k]++
					}
				}
				if n.ECE || n.CWR {
					echoed[k]++
				}
			}
		}
	}
	for class, j := range judges {
		c, err := j.state.read()
		require.NoError(t, err)
		matched := int64(j.of[4] + j.of[6])
		require.Equal(t, matched, c.at(j.matched), class)
		require.Equal(t, matched, c.at(j.chosen), class)
		if class != scenario.AnyPacket {
			require.Greater(t, j.others[4]+j.others[6], enough/2, class)
		}
		t.Logf("%-9s %7d IPv4 and %7d IPv6 packets; %7d and %7d others", class, j.of[4], j.of[6], j.others[4], j.others[6])
		if class == scenario.AnyPacket {
			for k, n := range j.byKind(c) {
				require.EqualValues(t, byKind[k], n, kindNames[k])
			}
		} else {
			require.Zero(t, j.byKind(c))
		}
	}
	for k := range kindOther {
		require.Greater(t, min(stamped[k], sacked[k], echoed[k]), 1000, "timestamps, SACK and ECN on packets of the kind %s",
			kindNames[k])
	}
}

// choice makes a selection of any kind, and draws that choose all or some.
func (g generator) choice() (s scenario.Select) {
	s.Packets = classes[g.IntN(len(classes)-1)]
	if s.Packets == scenario.DupACK {
		s.Packets = scenario.PureACK
	}
	ported := s.Packets != scenario.ICMPPacket && s.Packets != scenario.Fragment
	for _, p := range []*int{&s.Port, &s.FromPort, &s.ToPort} {
		if ported && g.one(4) {
			*p = 1 + int(g.port())%65535
		}
	}
	if g.one(3) {
		s.Family = []scenario.Family{scenario.IPv4, scenario.IPv6}[g.IntN(2)]
	}
	if g.one(3) {
		s.Longer = scenario.Size(40 + g.IntN(60))
	}
	s.Last = g.one(6) && (s.Packets == scenario.AnyPacket || s.Packets == scenario.DataSegment ||
		s.Packets == scenario.TCPPacket)
	if g.one(3) {
		s.ECN = []scenario.ECN{scenario.NotECT, scenario.ECT0, scenario.ECT1, scenario.ECT, scenario.CE}[g.IntN(5)]
	}
	if g.one(5) {
		s.DSCP = new(int)
		*s.DSCP = int(codepoints[g.IntN(len(codepoints))])
	}
	if g.one(3) && (s.Packets.TCP() || s.Packets == scenario.UDPPacket) {
		s.Payload = &scenario.Payload{Min: scenario.Size(g.IntN(30)), Max: scenario.Size(30 + g.IntN(30))}
	}
	if g.one(3) && s.Packets.TCP() {
		s.After = &scenario.After{Bytes: scenario.Size(1 + g.IntN(1e9))}
	}
	switch {
	case s.Packets == scenario.ICMPPacket:
	case g.one(6):
		s.Flow = "all"
	case ported && g.one(6):
		s.Flow = "web"
	}
	if g.one(2) {
		s.Chance = new(scenario.Share)
		*s.Chance = scenario.Share(g.Float64())
	}
	if g.one(3) {
		s.Every = 2 + g.IntN(4)
	}
	if g.one(3) {
		s.First = 1 + g.IntN(20)
	}
	if g.one(4) {
		s.Nth = 1 + g.IntN(6)
	}
	if g.one(6) {
		for n := range 1 + g.IntN(8) {
			s.Ordinals = append(s.Ordinals, 1+3*n+g.IntN(3))
		}
		s.Nth, s.Every, s.First = 0, 0, 0
	}
	if g.one(3) {
		s.Burst = 2 + g.IntN(15)
	}
	if g.one(3) {
		s.Per = scenario.PerLink
	}
	return s
}

// The kernel's decision is that of its twin in Go, packet by packet, whatever is selected; and the receipt's own
// arithmetic, which has only the table of flows, comes to the same numbers.
func TestKernelDecidesAsItsTwinInGo(t *testing.T) {
	// As many selections as it takes until each trait was asked for often enough, 200 at the least.
	const least, most, packets = 200, 600, 1500
	g := generator{t, rand.New(rand.NewPCG(7, 1))}
	flows := map[string]*connections{}
	for _, name := range []string{"all", "web"} {
		c, err := newConnections(testScenario(scenario.Fault{}), name)
		require.NoError(t, err)
		flows[name] = c
	}
	var matches, choices int
	asked := tried{}
	frames := make([][]byte, 3000)
	truths := make([]truth, len(frames))
	for i := range frames {
		frames[i] = g.of(scenario.AnyPacket)
		truths[i] = decode(frames[i])
	}
	selections := 0
	for ; selections < least || selections < most && !asked.enough(); selections++ {
		t.Run(fmt.Sprint(selections), func(t *testing.T) { // whose programs are gone when it ends
			choose := g.choice()
			side := g.IntN(2)
			s, err := newSelector(testScenario(scenario.Fault{Select: choose}), 0, side)
			require.NoError(t, err)
			s.bands = 1
			b := newBenchOf(t, s)
			d := decision{g.Uint64(), s.draws}
			b.arm(t, newOrders(0, d.key))
			r := newRunner(b.Program)
			ordinals, begun := map[flow]uint64{}, births{}
			var matched, chosen int64
			for range packets {
				i := g.IntN(len(frames))
				truth := &truths[i]
				begun.note(truth)
				want := truth.matches(choose, flows, begun)
				asked.note(&choose, truth, want)
				if want {
					f := truth.flow
					if choose.Per == scenario.PerLink {
						f = choice.LinkFlow(byte(side + 1))
					}
					matched++
					want = d.chosen(f, ordinals[f])
					ordinals[f]++
				}
				if want {
					chosen++
				}
				if got := r.band(t, frames[i]) == actingBand; got != want {
					require.Equal(t, want, got, "%+v: %x", choose, frames[i])
				}
			}
			c, err := b.state.read()
			require.NoError(t, err)
			sum, err := b.selection(b.state.orders[0], c, b.flows)
			require.NoError(t, err)
			require.Equal(t, []int64{matched, chosen, chosen, chosen},
				[]int64{sum.matched, sum.chosen, sum.least, sum.most}, "%+v", choose)
			if s.draws.burst > 1 && !s.draws.all() {
				require.LessOrEqual(t, sum.hits, chosen)
				require.Equal(t, sum.least, chosen)
				require.LessOrEqual(t, chosen, sum.hits*int64(s.draws.burst), "%+v", choose)
			}
			require.Empty(t, sum.wrong())
			require.Len(t, sum.times, int(min(chosen, mostTimes)))
			matches += int(matched)
			choices += int(chosen)
		})
	}
	t.Logf("%d packets, of which %d matched and %d were chosen", selections*packets, matches, choices)
	require.Greater(t, choices, 1000)
	require.Greater(t, matches, 5000)
	for what, n := range asked {
		t.Logf("%-20s %6d others, %6d matched", what, n[0], n[1])
		require.Greater(t, min(n[0], n[1]), often(what), "packets with and without %s", what)
	}
}

// tried counts packets that a selector with a condition did not match, and that it did.
type tried map[string]*[2]int

// often is how many packets of either kind there have to be: a packet after a SYN of its own flow is rare among random
// ones, and has tests of its own.
func often(what string) int {
	if what == "after" {
		return 5
	}
	return 30
}

// enough reports whether each condition was met often enough.
func (r tried) enough() bool {
	for what, n := range r {
		if min(n[0], n[1]) <= often(what) {
			return false
		}
	}
	return true
}

func (r tried) note(s *scenario.Select, t *truth, matched bool) {
	for what, is := range map[string]bool{
		"ecn " + string(s.ECN): s.ECN != "", "dscp": s.DSCP != nil, "payload": s.Payload != nil, "after": s.After != nil,
	} {
		if !is || t.version == 0 {
			continue
		}
		if r[what] == nil {
			r[what] = new([2]int)
		}
		r[what][map[bool]int{true: 1}[matched]]++
	}
}

// Many packets of many flows at a chance: as many are chosen as the binomial distribution has it.
func TestDecisionsAreRandom(t *testing.T) {
	const packets = 6000
	for _, c := range []struct {
		class  scenario.Packets
		chance float64
		seed   uint64
	}{{scenario.AnyPacket, .1, 7}, {scenario.AnyPacket, .5, 1 << 63}, {scenario.PureACK, .25, 7},
		{scenario.AnyPacket, 1e-9, 7}} {
		t.Run(fmt.Sprintf("%s %v", c.class, c.chance), func(t *testing.T) {
			d := newDecision(c.seed, "some-fault", c.chance)
			b := newBench(t, c.class, d)
			r := newRunner(b.Program)
			f := frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
			var choices int64
			for i := range packets {
				binary.BigEndian.PutUint16(f[34:], uint16(i%50)) // source port
				if r.band(t, f) == actingBand {
					choices++
				}
			}
			lo, hi := binomialInterval(packets, c.chance)
			require.GreaterOrEqual(t, choices, lo)
			require.LessOrEqual(t, choices, hi)
		})
	}
}
