package netem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes inside TCA_OPTIONS of a netem, include/uapi/linux/pkt_sched.h.
const (
	attrCorrelation = 1
	attrReorder     = 3
	attrCorrupt     = 4
	attrDelayTable  = 2
	attrLoss        = 5
	attrRate        = 6
	attrECN         = 7
	attrRate64      = 8
	attrLatency64   = 10
	attrJitter64    = 11
	attrSlot        = 12
	attrSeed        = 14

	lossFourState      = 1 // NETEM_LOSS_GI
	lossGilbertElliott = 2 // NETEM_LOSS_GE
)

const (
	// tick is the unit of the 32-bit times of struct tc_netem_qopt: PSCHED_SHIFT is 6 since Linux 2.6.31.
	tick = 64 * time.Nanosecond
	// headSize is that of struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter.
	headSize = 24
)

var order = binary.NativeEndian

// check refuses what the kernel would take and mean something else by.
func (q *Qdisc) check() error {
	switch {
	case q.Limit == 0:
		return errors.New("limit 0 would drop every packet")
	case q.Latency < 0 || q.Jitter < 0:
		return errors.New("negative time")
	case q.Jitter > math.MaxInt32:
		return fmt.Errorf("jitter of %v is beyond the kernel's %v", q.Jitter, time.Duration(math.MaxInt32))
	case q.Rate != nil && q.Rate.BytesPerSecond == 0:
		return errors.New("rate 0")
	case q.Table != nil && (len(q.Table) == 0 || len(q.Table) > mostValues):
		return fmt.Errorf("a distribution of %d values, want 1 to %d", len(q.Table), mostValues)
	case q.Table != nil && q.Jitter == 0:
		return errors.New("a distribution without jitter")
	case q.Model != nil && q.Loss != 0:
		return errors.New("loss and a loss model exclude each other")
	}
	return nil
}

// options returns the TCA_OPTIONS attribute. It differs from what tc sends in one
// way: tc rounds times down to 64 ns, this adds the 64-bit attributes (Linux 4.16)
// wherever that would lose something.
func (q *Qdisc) options() *nl.RtAttr {
	head := make([]byte, headSize)
	for i, v := range []uint32{ticks(q.Latency), q.Limit, uint32(q.Loss), q.Gap, uint32(q.Duplicate), ticks(q.Jitter)} {
		order.PutUint32(head[4*i:], v)
	}
	o := nl.NewRtAttr(nl.TCA_OPTIONS, head)
	// for Reorder as tc does; the kernel does not need it
	if c := q.Correlation; c.Delay|c.Loss|c.Duplicate|c.Reorder != 0 {
		o.AddRtAttr(attrCorrelation, shares(c.Delay, c.Loss, c.Duplicate))
	}
	if !exact(q.Latency) {
		o.AddRtAttr(attrLatency64, u64(uint64(q.Latency)))
	}
	if !exact(q.Jitter) {
		o.AddRtAttr(attrJitter64, u64(uint64(q.Jitter)))
	}
	if q.Reorder|q.Correlation.Reorder != 0 {
		o.AddRtAttr(attrReorder, shares(q.Reorder, q.Correlation.Reorder))
	}
	if q.ECN {
		o.AddRtAttr(attrECN, nl.Uint32Attr(1))
	}
	if q.Corrupt|q.Correlation.Corrupt != 0 {
		o.AddRtAttr(attrCorrupt, shares(q.Corrupt, q.Correlation.Corrupt))
	}
	if s := q.Slot; s != nil {
		b := make([]byte, 0, 40)
		b = order.AppendUint64(b, uint64(s.MinDelay))
		b = order.AppendUint64(b, uint64(s.MaxDelay))
		b = order.AppendUint32(b, uint32(s.MaxPackets))
		b = order.AppendUint32(b, uint32(s.MaxBytes))
		b = order.AppendUint64(b, uint64(s.DistDelay))
		b = order.AppendUint64(b, uint64(s.DistJitter))
		o.AddRtAttr(attrSlot, b)
	}
	if q.Model != nil {
		kind, s := q.Model.loss()
		o.AddRtAttr(attrLoss|unix.NLA_F_NESTED, nil).AddRtAttr(kind, shares(s...))
	}
	if r := q.Rate; r != nil {
		if r.BytesPerSecond > math.MaxUint32 {
			o.AddRtAttr(attrRate64, u64(r.BytesPerSecond))
		}
		b := make([]byte, 0, 16)
		b = order.AppendUint32(b, uint32(min(r.BytesPerSecond, math.MaxUint32)))
		b = order.AppendUint32(b, uint32(r.PacketOverhead))
		b = order.AppendUint32(b, r.CellSize)
		b = order.AppendUint32(b, uint32(r.CellOverhead))
		o.AddRtAttr(attrRate, b)
	}
	if q.Seed != nil {
		o.AddRtAttr(attrSeed, u64(*q.Seed))
	}
	if q.Table != nil {
		b := make([]byte, 0, 2*len(q.Table))
		for _, v := range q.Table {
			b = order.AppendUint16(b, uint16(v))
		}
		o.AddRtAttr(attrDelayTable, b)
	}
	return o
}

// request is the whole message that adds q to the device with this index.
func request(index int, handle, parent uint32, q *Qdisc) *nl.NetlinkRequest {
	return message(unix.NLM_F_EXCL|unix.NLM_F_CREATE, index, handle, parent, q)
}

func message(flags, index int, handle, parent uint32, q *Qdisc) *nl.NetlinkRequest {
	return carry(flags, index, handle, parent, "netem", q.options())
}

func carry(flags, index int, handle, parent uint32, kind string, options *nl.RtAttr) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_ACK|flags)
	r.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(index), Handle: handle, Parent: parent})
	r.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)))
	r.AddData(options)
	return r
}

// ticks rounds down, as tc does, and saturates: the 64-bit attribute then says it.
func ticks(d time.Duration) uint32 { return uint32(min(d/tick, math.MaxUint32)) }

func exact(d time.Duration) bool { return time.Duration(ticks(d))*tick == d }

func u64(v uint64) []byte { return order.AppendUint64(nil, v) }

func shares(s ...Share) []byte {
	var b []byte
	for _, v := range s {
		b = order.AppendUint32(b, uint32(v))
	}
	return b
}

// loss in the order of struct tc_netem_gemodel: p, r, h, k1, where h is the share of
// packets that survive the bad state and k1 the share lost in the good one.
func (m GilbertElliott) loss() (int, []Share) {
	return lossGilbertElliott, []Share{m.ToBad, m.ToGood, All - m.LossBad, m.LossGood}
}

// loss in the order of struct tc_netem_gimodel.
func (m FourState) loss() (int, []Share) {
	return lossFourState, []Share{m.P13, m.P31, m.P32, m.P14, m.P23}
}
