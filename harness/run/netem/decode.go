package netem

import (
	"fmt"
	"math"
	"time"
)

// decode reads the value of a netem's TCA_OPTIONS as the kernel dumps it. Attributes
// that this package does not know are skipped.
func decode(b []byte) (*Qdisc, error) {
	if len(b) < headSize {
		return nil, fmt.Errorf("decode netem: %d bytes of options, want %d at least", len(b), headSize)
	}
	word := func(i int) uint32 { return order.Uint32(b[4*i:]) }
	q := &Qdisc{
		Latency: time.Duration(word(0)) * tick, Limit: word(1), Loss: Share(word(2)),
		Gap: word(3), Duplicate: Share(word(4)), Jitter: time.Duration(word(5)) * tick,
	}
	attrs, err := Attributes(b[headSize:])
	if err != nil {
		return nil, fmt.Errorf("decode netem: %w", err)
	}
	var rate64 uint64
	for _, a := range attrs {
		f, ok := decoders[a.Kind]
		if !ok {
			continue
		}
		if len(a.Value) < f.size {
			return nil, fmt.Errorf("decode netem: attribute %d has %d bytes, want %d", a.Kind, len(a.Value), f.size)
		}
		if a.Kind == attrRate64 {
			rate64 = order.Uint64(a.Value)
			continue
		}
		if err := f.put(q, a); err != nil {
			return nil, err
		}
	}
	if rate64 != 0 {
		if q.Rate == nil {
			q.Rate = &Rate{}
		}
		q.Rate.BytesPerSecond = rate64
	}
	if q.Rate != nil && *q.Rate == (Rate{}) { // the kernel dumps an empty one when there is none
		q.Rate = nil
	}
	return q, nil
}

type decoder struct {
	size int // least length of the value
	put  func(*Qdisc, Attribute) error
}

var decoders = map[uint16]decoder{
	attrCorrelation: {12, plain(func(q *Qdisc, b []byte) {
		q.Correlation.Delay, q.Correlation.Loss, q.Correlation.Duplicate = share(b, 0), share(b, 1), share(b, 2)
	})},
	attrReorder: {8, plain(func(q *Qdisc, b []byte) { q.Reorder, q.Correlation.Reorder = share(b, 0), share(b, 1) })},
	attrCorrupt: {8, plain(func(q *Qdisc, b []byte) { q.Corrupt, q.Correlation.Corrupt = share(b, 0), share(b, 1) })},
	attrRate: {16, plain(func(q *Qdisc, b []byte) {
		q.Rate = &Rate{
			BytesPerSecond: uint64(order.Uint32(b)), PacketOverhead: int32(order.Uint32(b[4:])),
			CellSize: order.Uint32(b[8:]), CellOverhead: int32(order.Uint32(b[12:])),
		}
	})},
	attrRate64:    {8, nil},
	attrECN:       {4, plain(func(q *Qdisc, b []byte) { q.ECN = order.Uint32(b) != 0 })},
	attrLatency64: {8, plain(func(q *Qdisc, b []byte) { q.Latency = time.Duration(order.Uint64(b)) })},
	attrJitter64:  {8, plain(func(q *Qdisc, b []byte) { q.Jitter = time.Duration(order.Uint64(b)) })},
	attrSlot: {40, plain(func(q *Qdisc, b []byte) {
		q.Slot = &Slot{
			MinDelay: time.Duration(order.Uint64(b)), MaxDelay: time.Duration(order.Uint64(b[8:])),
			MaxPackets: int32(order.Uint32(b[16:])), MaxBytes: int32(order.Uint32(b[20:])),
			DistDelay: time.Duration(order.Uint64(b[24:])), DistJitter: time.Duration(order.Uint64(b[32:])),
		}
		if q.Slot.MaxPackets == math.MaxInt32 { // the kernel's "no bound"
			q.Slot.MaxPackets = 0
		}
		if q.Slot.MaxBytes == math.MaxInt32 {
			q.Slot.MaxBytes = 0
		}
	})},
	attrSeed: {8, plain(func(q *Qdisc, b []byte) { s := order.Uint64(b); q.Seed = &s })},
	attrLoss: {4, func(q *Qdisc, a Attribute) error {
		nested, err := Attributes(a.Value)
		if err != nil {
			return fmt.Errorf("decode netem loss model: %w", err)
		}
		for _, n := range nested {
			b := n.Value
			switch {
			case n.Kind == lossGilbertElliott && len(b) >= 16:
				q.Model = GilbertElliott{share(b, 0), share(b, 1), All - share(b, 2), share(b, 3)}
			case n.Kind == lossFourState && len(b) >= 20:
				q.Model = FourState{share(b, 0), share(b, 1), share(b, 2), share(b, 3), share(b, 4)}
			default:
				return fmt.Errorf("decode netem: loss model %d of %d bytes", n.Kind, len(b))
			}
		}
		return nil
	}},
}

func plain(f func(*Qdisc, []byte)) func(*Qdisc, Attribute) error {
	return func(q *Qdisc, a Attribute) error { f(q, a.Value); return nil }
}

func share(b []byte, i int) Share { return Share(order.Uint32(b[4*i:])) }

// compare returns an error that names the first thing in which got, as read back,
// differs from what was asked for.
func compare(asked, got *Qdisc) error {
	a, g := *asked, *got
	if a.Gap > 0 && a.Reorder == 0 {
		a.Reorder = All // "for compatibility with earlier versions", netem_change
	}
	for _, f := range []struct {
		name       string
		asked, got any
	}{
		{"latency", a.Latency, g.Latency}, {"jitter", a.Jitter, g.Jitter}, {"limit", a.Limit, g.Limit},
		{"loss", a.Loss, g.Loss}, {"gap", a.Gap, g.Gap}, {"duplicate", a.Duplicate, g.Duplicate},
		{"reorder", a.Reorder, g.Reorder}, {"corrupt", a.Corrupt, g.Corrupt}, {"correlation", a.Correlation, g.Correlation},
		{"rate", value(a.Rate), value(g.Rate)}, {"loss model", a.Model, g.Model}, {"slot", value(a.Slot), value(g.Slot)},
		{"ecn", a.ECN, g.ECN},
	} {
		if f.asked != f.got {
			return fmt.Errorf("asked for %s %v, the kernel has %v", f.name, f.asked, f.got)
		}
	}
	if a.Seed != nil && (g.Seed == nil || *a.Seed != *g.Seed) {
		if g.Seed == nil {
			return fmt.Errorf("asked for seed %d, the kernel has none (it needs Linux 6.6)", *a.Seed)
		}
		return fmt.Errorf("asked for seed %d, the kernel has %d", *a.Seed, *g.Seed)
	}
	return nil
}

// value makes pointers comparable by what they point to.
func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
