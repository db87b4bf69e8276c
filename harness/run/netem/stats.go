package netem

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes inside TCA_STATS2, include/uapi/linux/gen_stats.h.
const (
	statsBasic    = 1 // struct gnet_stats_basic: u64 bytes, u32 packets
	statsQueue    = 3 // struct gnet_stats_queue: u32 qlen, backlog, drops, requeues, overlimits
	statsOwn      = 4 // what the kind has of its own
	statsPackets8 = 8 // u64 packets, once they are beyond 32 bits (Linux 5.5)
)

// parse reads one RTM_NEWQDISC message without its netlink header.
func parse(m []byte) (Stats, error) {
	if len(m) < nl.SizeofTcMsg {
		return Stats{}, fmt.Errorf("decode qdisc: %d bytes", len(m))
	}
	head := nl.DeserializeTcMsg(m)
	s := Stats{Index: int(head.Ifindex), Handle: head.Handle, Parent: head.Parent}
	attrs, err := Attributes(m[nl.SizeofTcMsg:])
	if err != nil {
		return Stats{}, fmt.Errorf("decode qdisc: %w", err)
	}
	for _, a := range attrs {
		switch a.Kind {
		case nl.TCA_KIND:
			s.Kind = unix.ByteSliceToString(a.Value)
		case nl.TCA_OPTIONS:
			if s.Kind == "netem" { // TCA_KIND comes first, tc_fill_qdisc
				if s.Netem, err = decode(a.Value); err != nil {
					return Stats{}, err
				}
			} else {
				s.Options = a.Value
			}
		case nl.TCA_STATS2:
			if err := s.count(a.Value); err != nil {
				return Stats{}, err
			}
		}
	}
	return s, nil
}

func (s *Stats) count(b []byte) error {
	attrs, err := Attributes(b)
	if err != nil {
		return fmt.Errorf("decode qdisc counters: %w", err)
	}
	var packets uint64
	for _, a := range attrs {
		v := a.Value
		switch {
		case a.Kind == statsBasic && len(v) >= 12:
			s.Bytes, s.Packets = order.Uint64(v), uint64(order.Uint32(v[8:]))
		case a.Kind == statsQueue && len(v) >= 20:
			s.Waiting, s.Backlog, s.Drops = order.Uint32(v), order.Uint32(v[4:]), order.Uint32(v[8:])
			s.Requeues, s.Overlimits = order.Uint32(v[12:]), order.Uint32(v[16:])
		case a.Kind == statsOwn:
			s.Own = v
		case a.Kind == statsPackets8 && len(v) >= 8:
			packets = order.Uint64(v)
		}
	}
	s.Packets = max(s.Packets, packets)
	return nil
}
