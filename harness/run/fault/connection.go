package fault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ruleout/ruleout/harness/run/forge"
)

// oneWay is one direction of a connection, as a tracker has seen it.
type oneWay struct {
	from, to netip.AddrPort
	first    uint64
	next     uint32
	acked    uint32
	acks     bool
	side     int
	ether    [etherHeader]byte
	header   []byte
}

// newOneWay reads an entry of the table.
func newOneWay(key flow, value []byte) oneWay {
	width := 4
	if key[37] == 6 {
		width = 16
	}
	end := func(address []byte, port []byte) netip.AddrPort {
		a, _ := netip.AddrFromSlice(address[:width])
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
	}
	h := oneWay{
		from: end(key[0:16], key[32:34]), to: end(key[16:32], key[34:36]),
		first: binary.LittleEndian.Uint64(value[entryFirst:]),
		next:  binary.LittleEndian.Uint32(value[entryNext:]),
		acked: binary.LittleEndian.Uint32(value[entryAcked:]),
		acks:  value[entryAcks] != 0,
		side:  int(value[entrySide]),
	}
	copy(h.ether[:], value[entryEther:])
	h.header = bytes.Clone(value[entryHeader : entryHeader+int(value[entryHeader+tcpOffset]>>4)*4])
	return h
}

// connection is both directions: from the end that opened it, and from the other.
type connection [2]oneWay

// readConnections lists those of the named connections that are open, in the order in which their first SYN passed. A
// connection is open when both SYNs have passed, and one acknowledgement of the end that opened it.
func readConnections(table *ebpf.Map, named *connections) ([]connection, error) {
	entries, err := readEntries(table)
	if err != nil {
		return nil, err
	}
	byEnds := make(map[[2]netip.AddrPort]oneWay, len(entries))
	for _, h := range entries {
		byEnds[[2]netip.AddrPort{h.from, h.to}] = h
	}
	var list []connection
	for _, h := range entries {
		back, ok := byEnds[[2]netip.AddrPort{h.to, h.from}]
		opener := back.first > h.first
		if !ok || !opener || !h.acks || !slices.Contains(named.from, h.from.Addr()) ||
			!slices.Contains(named.to, h.to.Addr()) ||
			named.port != 0 && int(h.to.Port()) != named.port {
			continue
		}
		list = append(list, connection{h, back})
	}
	slices.SortFunc(list, func(a, b connection) int {
		if a[0].first != b[0].first {
			if a[0].first < b[0].first {
				return -1
			}
			return 1
		}
		return a[0].from.Compare(b[0].from)
	})
	return list, nil
}

// batch is how many entries are read at once.
const batch = 1024

func readEntries(table *ebpf.Map) (list []oneWay, err error) {
	keys, values := make([]flow, batch), make([][entrySize]byte, batch)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := table.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, fmt.Errorf("read table of connections: %w", err)
		}
		for i := range n {
			list = append(list, newOneWay(keys[i], values[i][:]))
		}
		if err != nil {
			return list, nil
		}
	}
}

// later returns the later of two sequence numbers.
func later(a, b uint32) uint32 {
	if int32(a-b) > 0 {
		return a
	}
	return b
}

// segment forges one towards the far end of direction d: seq is relative to what that end expects next,
// which is the later of what was sent to it and what it has acknowledged, ack to what it will send next.
func (c *connection) segment(d int, seq, ack int, flags byte, payload int) *forge.Segment {
	there, back := &c[d], &c[1-d]
	s := &forge.Segment{
		Ethernet: there.ether, From: there.from, To: there.to, Flags: flags, Payload: payload,
		Seq: later(there.next, back.acked) + uint32(seq), Ack: back.next + uint32(ack),
		Window: binary.BigEndian.Uint16(there.header[14:]),
	}
	if sent, heard := forge.FindTimestamps(there.header), forge.FindTimestamps(back.header); sent != nil && heard != nil {
		s.Timestamps = &forge.Timestamps{Value: sent.Value, Echo: heard.Value}
	}
	return s
}
