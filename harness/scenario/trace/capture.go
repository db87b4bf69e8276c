package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrNotCapture says that a file is neither pcap nor pcapng.
var ErrNotCapture = errors.New("neither a pcap nor a pcapng file")

// ErrUnreadable says that a capture has packets, and none of a kind that is known here.
var ErrUnreadable = errors.New("none of its packets can be read")

// Capture reads a capture in the formats pcap and pcapng: each SYN without ACK (RFC 9293) is a request. One that was
// sent before, with the same ports, addresses and sequence number, counts once, at its first time. Frames are of
// Ethernet with any VLAN tags, Linux cooked (tcpdump -i any) or bare IP.
//
// A file that ends within a packet is read up to there. The error is [ErrNotCapture], [ErrUnreadable], [ErrEmpty],
// [ErrTooMany] or that of the reader.
func Capture(r io.ReadSeeker, w Window) (*Trace, error) {
	t, all := new(Trace), int64(0)
	err := collect(w, t, func(add func(int64) error) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("rewind: %w", err)
		}
		t.Broken, t.Repeated, all = 0, 0, 0
		seen := recent{known: map[opening]bool{}}
		return packets(r, func(p packet) error {
			all++
			if !p.ok {
				t.Broken++
				return nil
			}
			syn, is, ok := openingOf(p.link, p.data)
			switch {
			case !ok:
				t.Broken++
			case !is || w.Port != 0 && int(binary.BigEndian.Uint16(syn.ports[2:])) != w.Port:
			case seen.again(syn):
				t.Repeated++
			default:
				return add(p.at)
			}
			return nil
		})
	})
	if errors.Is(err, ErrEmpty) && all > 0 && t.Broken == all {
		err = ErrUnreadable
	}
	return t, err
}

// opening tells a SYN from others.
type opening struct {
	addresses [32]byte
	ports     [4]byte
	seq       [4]byte
}

// recent knows the SYNs of late: as many as are open at once on a busy host, in bounded memory.
type recent struct {
	known map[opening]bool
	order []opening
	next  int
}

const mostRecent = 1 << 16

func (r *recent) again(o opening) bool {
	if r.known[o] {
		return true
	}
	if len(r.order) < mostRecent {
		r.order = append(r.order, o)
	} else {
		delete(r.known, r.order[r.next])
		r.order[r.next] = o
		r.next = (r.next + 1) % mostRecent
	}
	r.known[o] = true
	return false
}

// Link types (https://www.tcpdump.org/linktypes.html).
const (
	linkEthernet = 1
	linkRaw      = 101
	linkCooked   = 113
	linkCooked2  = 276
)

// openingOf finds the SYN in a frame; is tells whether it is one, ok whether the frame could be read.
func openingOf(link uint32, b []byte) (o opening, is, ok bool) {
	var kind int
	switch {
	case link == linkEthernet && len(b) >= 14:
		kind, b = int(binary.BigEndian.Uint16(b[12:])), b[14:]
	case link == linkCooked && len(b) >= 16:
		kind, b = int(binary.BigEndian.Uint16(b[14:])), b[16:]
	case link == linkCooked2 && len(b) >= 20:
		kind, b = int(binary.BigEndian.Uint16(b)), b[20:]
	case link == linkRaw && len(b) >= 1:
		kind = map[byte]int{4: 0x0800, 6: 0x86dd}[b[0]>>4]
	default:
		return o, false, false
	}
	for kind == 0x8100 || kind == 0x88a8 { // IEEE 802.1Q
		if len(b) < 4 {
			return o, false, false
		}
		kind, b = int(binary.BigEndian.Uint16(b[2:])), b[4:]
	}
	switch kind {
	case 0x0800:
		return opening4(b)
	case 0x86dd:
		return opening6(b)
	}
	return o, false, true // ARP and others
}

const protocolTCP = 6

func opening4(b []byte) (o opening, is, ok bool) {
	if len(b) < 20 || int(b[0]&15) < 5 || len(b) < int(b[0]&15)*4 {
		return o, false, false
	}
	if b[9] != protocolTCP || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 { // a later fragment has no TCP header
		return o, false, true
	}
	copy(o.addresses[:], b[12:20])
	return openingTCP(o, b[int(b[0]&15)*4:])
}

// opening6 takes TCP that follows the fixed header; SYNs with extension headers are not met in practice.
func opening6(b []byte) (o opening, is, ok bool) {
	if len(b) < 40 {
		return o, false, false
	}
	if b[6] != protocolTCP {
		return o, false, true
	}
	copy(o.addresses[:], b[8:40])
	return openingTCP(o, b[40:])
}

func openingTCP(o opening, b []byte) (_ opening, is, ok bool) {
	if len(b) < 14 {
		return o, false, false
	}
	const syn, ack = 2, 16
	copy(o.ports[:], b)
	copy(o.seq[:], b[4:])
	return o, b[13]&(syn|ack) == syn, true
}
