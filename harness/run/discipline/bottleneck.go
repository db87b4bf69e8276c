package discipline

import (
	"fmt"
	"math"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Bottleneck is the queue in front of a link's rate, in one direction.
type Bottleneck struct {
	// Marks says that the discipline may mark packets.
	Marks bool
	// Random says that it draws random numbers.
	Random bool
	// Rate of the link, bytes a second.
	Rate uint64

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
	// Leaf is the handle of the qdisc that holds the packets, and whose counters are those of the queue.
	Leaf = netem.Handle(3, 0)
)

// New returns the queue of a link, or nil for one that a netem can be.
func New(l *scenario.Link) *Bottleneck {
	if !l.Bottleneck() {
		return nil
	}
	b := &Bottleneck{Rate: l.Rate.Bytes()}
	if d := l.Discipline; d != nil {
		b.Marks, b.Random = d.Marks(), d.Random()
	}
	for _, kind := range l.Qdiscs() {
		v := level{handle: Leaf, parent: bucketOf, kind: kind}
		switch kind {
		case "tbf":
			v.handle, v.parent, v.attrs = bucket, band, tbf(l)
		case "cake":
			v.parent, v.attrs = band, cake(l)
		case "pfifo":
			v.head = u32(uint32(l.Queue)) // struct tc_fifo_qopt: the limit
		case "bfifo":
			v.head = u32(uint32(l.QueueBytes))
		default:
			v.attrs = parameters(l)
		}
		b.levels = append(b.levels, v)
	}
	return b
}

// Serialize reports whether a netem with the link's rate has to follow.
func Serialize(l *scenario.Link) bool { return l.Discipline == nil || l.Discipline.TBF == nil }

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

// tbf is the token bucket of a link: with room for one frame, or as the discipline of this name has it. Its own queue
// gets no room (limit 0), since one of another kind takes its place.
func tbf(l *scenario.Link) []attr {
	rate, burst, peak := l.Rate.Bytes(), uint64(l.Frame()), uint64(0)
	if d := l.Discipline; d != nil && d.TBF != nil {
		burst = uint64(d.TBF.Burst)
		if d.TBF.Peak > 0 {
			peak = d.TBF.Peak.Bytes()
		}
	}
	parms := append(ratespec(rate), ratespec(peak)...)
	parms = append(parms, make([]byte, 12)...)
	list := []attr{
		{kind: tbfParms, value: parms, same: func(got []byte) bool { return sameBucket(got, rate, peak, burst) }},
		sent(tbfRate64, u64(rate)), sent(tbfBurst, u32(uint32(burst))),
	}
	if peak > 0 {
		list = append(list, sent(tbfPeak64, u64(peak)), sent(tbfPeakBurst, u32(uint32(l.Frame()))))
	}
	return list
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
