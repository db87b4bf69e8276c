package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario"
)

// decision chooses packets: the Go twin of what the selector does in the kernel.
//
// A fault has a key, the first 8 bytes of a SHA-256 over the run's seed and the fault's
// name. A flow's first state is its 40 bytes (see flow), in five words of 8, folded into
// that key with mix. The nth packet of the flow hits when the nth output of the
// SplitMix64 generator that starts there is at most the limit, which is chance × 2^64 - 1,
// and when n is one of the ordinals asked for.
//
// So a decision is a function of seed, fault, flow and ordinal (and of the time, if the chance is
// ramped), and of nothing else: it stays what it was when another fault is switched on.
//
// The key is not known when the selector is built, only when it is armed: [draws] is what
// is built into it, and the key is a control word.
type decision struct {
	key uint64
	draws
}

// draws is the part of a decision that does not depend on the seed.
type draws struct {
	// limits are the greatest outputs that hit, by step of a ramp of the chance; a single one without a
	// ramp; nil for a chance of 100 %.
	limits []uint64
	// nth, every and first say which ordinals, from 1, may hit. 0 is no bound.
	nth, every, first uint64
	// ordinals, in rising order, are those that may hit; without any there is no such bound.
	ordinals []uint64
	// burst is how many packets in a row are chosen when one hits; 0 and 1 are the same.
	burst int
	// link tells of ordinals that count over one direction of the link: that from its first end is 1, from its
	// second 2. 0 is for those that count over flows.
	link byte
}

// newDraws is what the fault asks for, of packets that come from this side of the link.
func newDraws(f *scenario.Fault, side int) draws {
	s := &f.Select
	chance := scenario.Share(1)
	if s.Chance != nil {
		chance = *s.Chance
	}
	d := draws{
		limits: newSchedule(f).limits(chance), nth: uint64(s.Nth), every: uint64(s.Every), first: uint64(s.First),
		burst: s.Burst,
	}
	for _, n := range s.Ordinals {
		d.ordinals = append(d.ordinals, uint64(n))
	}
	if s.Per == scenario.PerLink {
		d.link = byte(side + 1)
	}
	return d
}

// all reports whether every packet is chosen, so that nothing needs to be counted.
func (d draws) all() bool {
	return d.limits == nil && d.nth == 0 && len(d.ordinals) == 0 && d.every == 0 && d.first == 0
}

// faultKey is what the seed is to one fault.
func faultKey(seed uint64, fault string) uint64 {
	h := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("ruleout/fault/1\x00"), seed), fault...))
	return binary.LittleEndian.Uint64(h[:])
}

// flow is the one-way identity of a packet's flow, as the selector builds it on its
// stack: source, destination (16 bytes each, an IPv4 address in the first 4), source
// and destination port, protocol, IP version, two bytes that are zero. Addresses and ports are in
// network order. Ports are zero for all but TCP and UDP and for fragments.
type flow [flowSize]byte

const flowSize = 40

// linkFlow stands for all packets of one direction of a link: zeros, and the direction in the
// first of the last two bytes, where no other flow has any.
func linkFlow(link byte) flow { return flow{flowSize - 2: link} }

// Golden ratio and multipliers of SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
const (
	golden = 0x9e3779b97f4a7c15
	mixA   = 0xbf58476d1ce4e5b9
	mixB   = 0x94d049bb133111eb
)

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * mixA
	x = (x ^ x>>27) * mixB
	return x ^ x>>31
}

// start returns the state of a flow before its first packet.
func (d decision) start(f flow) uint64 { return startOf(d.key, f) }

func startOf(key uint64, f flow) uint64 {
	s := key
	for i := 0; i < flowSize; i += 8 {
		s = mix(s ^ binary.LittleEndian.Uint64(f[i:]))
	}
	return s
}

// chosen says whether packet n of the flow is chosen; the first is 0. With a ramp of the chance it
// is about the first step.
func (d decision) chosen(f flow, n uint64) bool { return d.chosenAt(d.start(f), n+1, 0) }

// Chosen lists the ordinals, up to a number, that a fault chooses of the packets of one direction of its link, if it
// counts over the link. side is 0 for packets of the link's first end.
func Chosen(f *scenario.Fault, seed uint64, side, most int) (list []int) {
	d := decision{faultKey(seed, f.Name), newDraws(f, side)}
	start := d.start(linkFlow(byte(side + 1)))
	for n := 1; n <= most; n++ {
		if d.chosenAt(start, uint64(n), 0) {
			list = append(list, n)
		}
	}
	return list
}

// eligible says whether the packet with this ordinal, counted from 1, may hit.
func (d draws) eligible(ordinal uint64) bool {
	return (d.nth == 0 || ordinal == d.nth) && (d.every == 0 || ordinal%d.every == 0) &&
		(d.first == 0 || ordinal <= d.first) && (len(d.ordinals) == 0 || slices.Contains(d.ordinals, ordinal))
}

// drawn says whether one that may hit does.
func (d draws) drawn(start, ordinal uint64, step int) bool {
	return d.limits == nil || mix(start+ordinal*golden) <= d.limits[min(step, len(d.limits)-1)]
}

// chosenAt says whether the packet with this ordinal is chosen: it hits, or one of the few before it does. (With
// a ramp of the chance these are asked with the packet's own step, whatever was theirs.)
func (d draws) chosenAt(start, ordinal uint64, step int) bool {
	for back := range uint64(max(d.burst, 1)) {
		if back >= ordinal {
			return false
		}
		if o := ordinal - back; d.eligible(o) && d.drawn(start, o, step) {
			return true
		}
	}
	return false
}

// counted is what becomes of so many packets of a flow.
type counted struct {
	chosen int64 // of all
	trials int64 // packets with one of the ordinals that may hit
	hits   int64 // of these, by themselves
}

// count works through the first n packets of a flow, all of them at one step.
func (d draws) count(start, n uint64, step int) (c counted) {
	left := 0 // of a burst
	for ordinal := uint64(1); ordinal <= n; ordinal++ {
		if d.eligible(ordinal) {
			c.trials++
			if d.drawn(start, ordinal, step) {
				c.hits++
				left = max(d.burst, 1)
			}
		}
		if left > 0 {
			left--
			c.chosen++
		}
	}
	return c
}
