// Package choice is how a fault chooses packets by chance: a function of the run's seed, the fault's name, the packet's
// flow and its number. It knows nothing of the kernel, in which package fault does the same.
//
// A fault has a key, the first 8 bytes of a SHA-256 over the seed and its name. A flow's first state is its 40 bytes,
// in five words of 8, folded into that key with [Mix]. The nth packet of the flow hits when the nth output of the
// SplitMix64 generator that starts there is at most the limit, which is chance × 2^64 - 1.
//
// The trap: numbers count from 1.
package choice

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Golden ratio and multipliers of SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
const (
	Golden = 0x9e3779b97f4a7c15
	MixA   = 0xbf58476d1ce4e5b9
	MixB   = 0x94d049bb133111eb
)

// Mix is the finalizer of SplitMix64.
func Mix(x uint64) uint64 {
	x = (x ^ x>>30) * MixA
	x = (x ^ x>>27) * MixB
	return x ^ x>>31
}

// Key is what the seed is to one fault.
func Key(seed uint64, fault string) uint64 {
	h := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("ruleout/fault/1\x00"), seed), fault...))
	return binary.LittleEndian.Uint64(h[:])
}

// FlowSize is that of a flow in bytes.
const FlowSize = 40

// Flow is the one-way identity of a packet's flow: source, destination (16 bytes each, an IPv4 address in the first 4),
// source and destination port, protocol, IP version, two bytes that are zero. Addresses and ports are in network order.
// Ports are zero for all but TCP and UDP and for fragments.
type Flow [FlowSize]byte

// LinkFlow stands for all packets of one direction of a link, 1 from its first end and 2 from its second: zeros, and
// the direction in the first of the last two bytes, where no other flow has any.
func LinkFlow(direction byte) Flow { return Flow{FlowSize - 2: direction} }

// Start returns the state of a flow before its first packet.
func Start(key uint64, f Flow) uint64 {
	s := key
	for i := 0; i < FlowSize; i += 8 {
		s = Mix(s ^ binary.LittleEndian.Uint64(f[i:]))
	}
	return s
}

// Limit is the greatest output that hits at a chance, from 0 to 1: chance × 2^64 - 1.
func Limit(chance float64) uint64 {
	if chance >= 1 {
		return math.MaxUint64
	}
	return max(uint64(math.Ldexp(chance, 64)), 1) - 1
}

// Hits reports whether the packet with a number, from 1, is hit.
func Hits(start, n, limit uint64) bool { return Mix(start+n*Golden) <= limit }

// OfLink lists the numbers, up to the given one, that a fault hits by a chance in one direction of its link, if it
// counts over the link.
func OfLink(seed uint64, fault string, direction byte, chance float64, most int) (list []int) {
	start, limit := Start(Key(seed, fault), LinkFlow(direction)), Limit(chance)
	for n := range most {
		if Hits(start, uint64(n+1), limit) {
			list = append(list, n+1)
		}
	}
	return list
}
