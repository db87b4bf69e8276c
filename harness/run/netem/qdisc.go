package netem

import (
	"math"
	"time"
)

// Qdisc is what one netem qdisc is told. The zero value is refused by [Conn.Add],
// since a netem with Limit 0 drops everything.
type Qdisc struct {
	// Latency is added to each packet; nanosecond resolution, 0 to 292 years.
	Latency time.Duration
	// Jitter varies Latency uniformly by up to so much either way, or as Table says; at most 2.1 s
	// (the kernel caps it at the largest 32-bit integer of nanoseconds).
	Jitter time.Duration
	// Table is the distribution of the delay; nil is uniform. The kernel does not tell which table it
	// has, so it alone is not read back.
	Table Table
	// Limit is the most packets held at once; at least 1.
	Limit uint32
	// Loss, Duplicate and Corrupt are shares of all packets. Reorder is the share of
	// packets that skip the delay; only every Gap'th packet is a candidate when Gap is set.
	Loss, Duplicate, Corrupt, Reorder Share
	// Gap turns Reorder on; 0 is off. With Gap set and Reorder 0 the kernel takes all candidates.
	Gap uint32
	// Correlation of each random decision with the last. It is not statistical
	// correlation, and it shifts the rate; prefer a loss model.
	Correlation Correlation
	// Rate of the bottleneck that the packets pass; nil for none.
	Rate *Rate
	// Model replaces Loss: [GilbertElliott] or [FourState]; nil for none.
	Model LossModel
	// Slot releases packets in bursts; nil for none.
	Slot *Slot
	// ECN marks packets instead of dropping them, where they allow it.
	ECN bool
	// Seed of the random stream that the qdisc draws from (Linux 6.6 and later); nil lets the kernel choose.
	// It has no say in which bit Corrupt flips and when a Slot begins.
	Seed *uint64
}

// Random reports whether the qdisc draws random numbers from the stream that Seed begins.
func (q *Qdisc) Random() bool {
	draws := func(s Share) bool { return s > 0 && s < All }
	return q.Jitter > 0 || draws(q.Loss) || q.Model != nil || draws(q.Duplicate) || draws(q.Corrupt) || draws(q.Reorder)
}

// Share is a proportion in 1/4294967295ths, as the kernel has it; [All] is 100 %.
type Share uint32

// All is a share of 100 %: every packet, whatever the random number.
const All Share = math.MaxUint32

// ShareOf converts a proportion of 0 to 1, rounding as tc does. Values outside are clamped.
func ShareOf(p float64) Share {
	return Share(math.RoundToEven(min(max(p, 0), 1) * math.MaxUint32))
}

// Correlation of successive random decisions.
type Correlation struct {
	Delay, Loss, Duplicate, Reorder, Corrupt Share
}

// Rate is a bottleneck. Packets are charged by their length with the Ethernet header.
type Rate struct {
	BytesPerSecond uint64
	// PacketOverhead is added to each packet's length, in bytes; may be negative.
	PacketOverhead int32
	// CellSize, when not 0, rounds lengths up to whole cells, each of which costs CellOverhead more.
	CellSize     uint32
	CellOverhead int32
}

// Slot releases packets in bursts: slots are MinDelay to MaxDelay apart and carry at
// most MaxPackets and MaxBytes (0: no bound). DistDelay and DistJitter need a distribution
// table of slots, which this package does not send.
type Slot struct {
	MinDelay, MaxDelay    time.Duration
	MaxPackets, MaxBytes  int32
	DistDelay, DistJitter time.Duration
}

// LossModel is a loss model with memory: [GilbertElliott] or [FourState].
type LossModel interface {
	loss() (kind int, shares []Share)
}

// GilbertElliott has a good and a bad state.
type GilbertElliott struct {
	ToBad, ToGood     Share // transition probabilities p and r
	LossBad, LossGood Share // 1-h and 1-k
}

// FourState is the four-state Markov model of tc-netem(8).
type FourState struct {
	P13, P31, P32, P14, P23 Share
}
