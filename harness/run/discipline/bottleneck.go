package discipline

import (
	"fmt"
	"math"
	"time"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Bottleneck is the queue in front of a link's rate, in one direction.
type Bottleneck struct {
	// Marks says that the discipline may mark packets.
	Marks bool
	// Random says that it draws random numbers.
	Random bool

	rate   uint64 // bytes a second
	levels []level
}

// level is one qdisc.
type level struct {
	handle, parent uint32
	kind           string
	// head is a structure in front of the attributes, for those kinds that have nothing else.
	head  []byte
	attrs []attr
}

// Handles, from the class of the outermost qdisc, which is a prio.
var (
	band     = netem.Handle(1, 1)
	bucket   = netem.Handle(2, 0)
	bucketOf = netem.Handle(2, 1)
	leaf     = netem.Handle(3, 0)
)

// New returns the queue of a link, or nil for one that a netem can do.
func New(l *scenario.Link) *Bottleneck {
	if !l.Bottleneck() {
		return nil
	}
	d := l.Discipline
	if d == nil {
		return &Bottleneck{rate: bytesASecond(l.Rate), levels: []level{tbf(l, nil), fifo("bfifo", int(l.QueueBytes))}}
	}
	b := &Bottleneck{Marks: d.Marks(), Random: d.Random(), rate: bytesASecond(l.Rate)}
	switch {
	case d.CAKE != nil:
		b.levels = []level{{handle: leaf, parent: band, kind: "cake", attrs: cake(l)}}
	case d.TBF != nil && l.Queue > 0:
		b.levels = []level{tbf(l, d.TBF), fifo("pfifo", l.Queue)}
	case d.TBF != nil:
		b.levels = []level{tbf(l, d.TBF), fifo("bfifo", int(l.QueueBytes))}
	default:
		b.levels = []level{tbf(l, nil), {handle: leaf, parent: bucketOf, kind: d.Kind(), attrs: parameters(l)}}
	}
	return b
}

// Serialize reports whether a netem with the link's rate has to follow.
func Serialize(l *scenario.Link) bool { return l.Discipline == nil || l.Discipline.TBF == nil }

// Sending is how long a frame of so many bytes takes at the rate.
func (b *Bottleneck) Sending(bytes int) time.Duration {
	return time.Duration(float64(bytes) / float64(b.rate) * float64(time.Second))
}

// Leaf is the handle of the qdisc that holds the packets, and whose counters are those of the queue.
func (b *Bottleneck) Leaf() uint32 { return leaf }

// Add builds the queue on the device with this index, whose outermost qdisc is a prio with the handle 1:, reads it back
// and compares. Lacks is the kind that the kernel does not have, where that is what an error is about.
func (b *Bottleneck) Add(conn *netem.Conn, index int) (lacks string, err error) {
	for i := range b.levels {
		l := &b.levels[i]
		if err := conn.AddOther(index, l.handle, l.parent, l.kind, l.options()); err != nil {
			return l.kind, err
		}
	}
	list, err := conn.List()
	if err != nil {
		return "", fmt.Errorf("read qdiscs back: %w", err)
	}
	for i := range b.levels {
		if err := b.levels[i].verify(list, index); err != nil {
			return "", fmt.Errorf("read %s back: %w", b.levels[i].kind, err)
		}
	}
	return "", nil
}

// verify finds the qdisc among those of a namespace and compares it with what was asked for.
func (l *level) verify(list []netem.Stats, index int) error {
	for i := range list {
		s := &list[i]
		if s.Index != index || s.Handle != l.handle {
			continue
		}
		if s.Kind != l.kind {
			return fmt.Errorf("found a %s", s.Kind)
		}
		return l.compare(s.Options)
	}
	return fmt.Errorf("no qdisc %x:%x on the device", l.handle>>16, l.handle&0xffff)
}

// bytesASecond of a rate, as netem has it too.
func bytesASecond(r scenario.Rate) uint64 { return max(uint64(r)/8, 1) }

// frame is the greatest length of one that the link carries, in bytes.
func frame(l *scenario.Link) uint64 { return uint64(l.MTU) + 14 }

// Struct tc_tbf_qopt: rate, peak rate, limit, buffer, mtu; struct tc_ratespec: u8 cell_log, linklayer, u16 overhead,
// s16 cell_align, u16 mpu, u32 rate (include/uapi/linux/pkt_sched.h).
const (
	tbfParms, tbfRate64, tbfPeak64, tbfBurst, tbfPeakBurst = 1, 4, 5, 6, 7

	ethernet = 1 // TC_LINKLAYER_ETHERNET
)

func ratespec(bytes uint64) []byte {
	b := []byte{0, ethernet, 0, 0, 0, 0, 0, 0}
	return order.AppendUint32(b, uint32(min(bytes, math.MaxUint32)))
}

// tbf is the token bucket of a link: with room for one frame, or as t has it. Its own queue gets no room (limit 0),
// since one of another kind takes its place.
func tbf(l *scenario.Link, t *scenario.TBF) level {
	rate, burst := bytesASecond(l.Rate), frame(l)
	var peak uint64
	if t != nil {
		burst = uint64(t.Burst)
		if t.Peak > 0 {
			peak = bytesASecond(t.Peak)
		}
	}
	parms := append(ratespec(rate), ratespec(peak)...)
	parms = append(parms, make([]byte, 12)...)
	v := level{handle: bucket, parent: band, kind: "tbf", attrs: []attr{
		{kind: tbfParms, value: parms, same: func(got []byte) bool { return sameBucket(got, rate, peak, burst) }},
		sent(tbfRate64, u64(rate)), sent(tbfBurst, u32(uint32(burst))),
	}}
	if peak > 0 {
		v.attrs = append(v.attrs, sent(tbfPeak64, u64(peak)), sent(tbfPeakBurst, u32(uint32(frame(l)))))
	}
	return v
}

// sameBucket compares what the kernel has with what it was told. It keeps the bucket as the time in which it is filled.
func sameBucket(got []byte, rate, peak, burst uint64) bool {
	const size, limit, buffer, tick = 36, 24, 28, 64
	if len(got) < size {
		return false
	}
	at := func(i int) uint64 { return uint64(order.Uint32(got[i:])) }
	want := float64(burst) * 1e9 / float64(rate) / tick
	return at(8) == min(rate, math.MaxUint32) && at(20) == min(peak, math.MaxUint32) && at(limit) == 0 &&
		math.Abs(float64(at(buffer))-want) <= 1+want*1e-6
}

// fifo is struct tc_fifo_qopt: its limit, in packets or bytes.
func fifo(kind string, limit int) level {
	return level{handle: leaf, parent: bucketOf, kind: kind, head: u32(uint32(limit))}
}
