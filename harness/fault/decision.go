package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// decision chooses packets: the Go twin of what the selector does in the kernel.
//
// A fault has a key, the first 8 bytes of a SHA-256 over the run's seed and the fault's
// name. A flow's first state is its 40 bytes (see flow), in five words of 8, folded into
// that key with mix. The nth packet of the flow is chosen when the nth output of the
// SplitMix64 generator that starts there is below chance × 2^64.
//
// So a decision is a function of seed, fault, flow and ordinal, and of nothing else: it
// stays what it was when another fault is switched on.
//
// The key is not known when the selector is built, only when it is armed: [draws] is what
// is built into it, and the key is a control word.
type decision struct {
	key uint64
	draws
}

// draws is the part of a decision that does not depend on the seed.
type draws struct {
	// below is chance × 2^64; not used when the chance is 1, see always.
	below  uint64
	always bool
}

func newDecision(seed uint64, fault string, chance float64) decision {
	return decision{key: faultKey(seed, fault), draws: newDraws(chance)}
}

// faultKey is what the seed is to one fault.
func faultKey(seed uint64, fault string) uint64 {
	h := sha256.Sum256(append(binary.LittleEndian.AppendUint64([]byte("ruleout/fault/1\x00"), seed), fault...))
	return binary.LittleEndian.Uint64(h[:])
}

func newDraws(chance float64) draws {
	if chance >= 1 {
		return draws{always: true}
	}
	return draws{below: uint64(math.Ldexp(chance, 64))}
}

// flow is the one-way identity of a packet's flow, as the selector builds it on its
// stack: source, destination (16 bytes each, an IPv4 address in the first 4), source
// and destination port, protocol, IP version, two zero bytes. Addresses and ports are in
// network order. Ports are zero for all but TCP and UDP and for fragments.
type flow [flowSize]byte

const flowSize = 40

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
func (d decision) start(f flow) uint64 {
	s := d.key
	for i := 0; i < flowSize; i += 8 {
		s = mix(s ^ binary.LittleEndian.Uint64(f[i:]))
	}
	return s
}

// chosen says whether packet n of the flow is chosen; the first is 0.
func (d decision) chosen(f flow, n uint64) bool {
	return d.always || mix(d.start(f)+(n+1)*golden) < d.below
}
