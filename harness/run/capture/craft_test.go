package capture_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/topology"
)

// Kinds of frames that are made up; some are rare in real traffic.
const (
	kindPureACK = iota
	kindDupACK
	kindData
	kindSYN
	kindSYNACK
	kindFIN
	kindRST
	kindUDP
	kindICMP
	kindFragment
	kinds
)

// TCP flags, RFC 9293 and 3168.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	ece
	cwr
)

// Numbers of protocols, and of IPv6 extension headers.
const (
	hopByHop    = 0
	icmp        = 1
	tcp         = 6
	udp         = 17
	fragment    = 44
	icmpv6      = 58
	destination = 60
)

// crafter makes frames of all shapes. They are put together by hand, so that neither the selector nor the decoder had a
// part in it, and since it has to be cheap in a guest. Checksums are 0, since no stack receives the frames.
type crafter struct {
	*rand.Rand
	last []byte // pure ACK
	id   uint16
}

// frame makes one of a kind.
func (c *crafter) frame(kind int) []byte {
	c.id++
	if kind == kindDupACK && c.last != nil {
		return c.last
	}
	var segment []byte
	proto := byte(tcp)
	v6 := c.IntN(2) == 0
	piece := false
	switch kind {
	case kindUDP:
		proto, segment = udp, c.datagram()
	case kindICMP:
		proto, segment = icmp, append([]byte{8, 0, 0, 0, 0, 1, 0, 1}, make([]byte, c.IntN(20))...)
		if v6 {
			proto, segment[0] = icmpv6, 128
		}
	case kindFragment:
		piece = true
		if c.IntN(3) == 0 {
			proto = udp
		}
		segment = c.segment(ack, 1+c.IntN(30)) // what looks like a header is in the first piece only
	case kindPureACK, kindDupACK:
		segment = c.segment(ack|c.some(psh|urg|ece|cwr), 0)
	case kindData:
		segment = c.segment(ack|c.some(psh|urg|ece|cwr), c.length())
	case kindSYN:
		segment = c.segment(syn|c.some(ece|cwr), c.rarely(c.length()))
	case kindSYNACK:
		segment = c.segment(syn|ack|c.some(ece|psh), c.rarely(c.length()))
	case kindFIN:
		segment = c.segment(fin|c.some(ack|psh), c.rarely(c.length()))
	case kindRST:
		segment = c.segment(rst|c.some(ack), c.rarely(c.length()))
	}
	var f []byte
	if v6 {
		f = c.ipv6(proto, segment, piece)
	} else {
		f = c.ipv4(proto, segment, piece)
	}
	if c.IntN(4) == 0 && len(f) < 80 {
		f = append(f, make([]byte, 6)...) // padded, as to the least frame of Ethernet
	}
	if kind == kindPureACK || kind == kindDupACK {
		c.last = f
	}
	return f
}

// some is a random part of the flags.
func (c *crafter) some(flags byte) byte { return byte(c.Uint32()) & flags }

func (c *crafter) rarely(n int) int {
	if c.IntN(5) == 0 {
		return n
	}
	return 0
}

// length of a payload, mostly a short one.
func (c *crafter) length() int {
	if c.IntN(50) == 0 {
		return 1 + c.IntN(1300)
	}
	return 1 + c.IntN(40)
}

func (c *crafter) ports() []byte {
	return []byte{0x90, byte(c.IntN(8)), 0, byte(80 + c.IntN(3))}
}

func (c *crafter) datagram() []byte {
	payload := c.IntN(40)
	b := append(c.ports(), 0, byte(8+payload), 0, 0)
	return append(b, make([]byte, payload)...)
}

// segment is a TCP segment with options.
func (c *crafter) segment(flags byte, payload int) []byte {
	b := c.ports()
	b = binary.BigEndian.AppendUint32(b, c.Uint32N(3)) // few numbers, so that ACKs repeat by chance too
	b = binary.BigEndian.AppendUint32(b, c.Uint32N(3))
	options := c.options()
	reserved := byte(0)
	if c.IntN(8) == 0 {
		reserved = 1 // once the flag NS
	}
	b = append(b, byte(5+len(options)/4)<<4|reserved, flags, 0, byte(100+c.IntN(2)), 0, 0, 0, 0)
	b = append(b, options...)
	return append(b, make([]byte, payload)...)
}

// options of TCP: none, timestamps, timestamps and SACK blocks, or up to 40 bytes of padding.
func (c *crafter) options() (b []byte) {
	stamps := func() {
		b = append(b, 1, 1, 8, 10)
		b = append(b, make([]byte, 8)...)
	}
	sack := func(blocks int) {
		b = append(b, 1, 1, 5, byte(2+8*blocks))
		b = append(b, make([]byte, 8*blocks)...)
	}
	switch c.IntN(5) {
	case 0:
	case 1:
		stamps()
	case 2:
		stamps()
		sack(1 + c.IntN(3))
	case 3:
		sack(1 + c.IntN(4))
	case 4:
		for range 4 * c.IntN(11) {
			b = append(b, 1)
		}
	}
	return b
}

// ether is a header with the address of no node: b's stack drops the frame, so there are no answers.
func ether(kind uint16) []byte {
	return append([]byte{2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8}, byte(kind>>8), byte(kind))
}

func (c *crafter) ipv4(proto byte, payload []byte, piece bool) []byte {
	words := 5
	if c.IntN(5) == 0 {
		words += c.IntN(11)
	}
	flags := uint16(0x4000) // do not fragment
	if piece {
		flags = []uint16{0x2000, 0x2000 | uint16(1+c.IntN(100)), uint16(1 + c.IntN(100))}[c.IntN(3)]
	}
	b := append(ether(0x800), byte(0x40|words), byte(c.IntN(4)), 0, 0) // all four values of the ECN field
	binary.BigEndian.PutUint16(b[16:], uint16(4*words+len(payload)))
	b = binary.BigEndian.AppendUint16(b, c.id)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = append(b, 64, proto, 0, 0, 10, 0, 0, byte(1+c.IntN(3)), 10, 0, 1, byte(1+c.IntN(3)))
	for range 4 * (words - 5) {
		b = append(b, 1)
	}
	return append(b, payload...)
}

func (c *crafter) ipv6(proto byte, payload []byte, piece bool) []byte {
	next := proto
	var extensions []byte
	add := func(kind byte, b []byte) { // in front of what is there
		b[0] = next
		next = kind
		extensions = append(b, extensions...)
	}
	options := func() []byte { // PadN to a multiple of 8
		size := 8 * (1 + c.IntN(3))
		b := make([]byte, size)
		b[1], b[2], b[3] = byte(size/8-1), 1, byte(size-4)
		return b
	}
	if piece {
		field := []uint16{1, uint16(1+c.IntN(100))<<3 | 1, uint16(1+c.IntN(100)) << 3}[c.IntN(3)]
		add(fragment, []byte{0, 0, byte(field >> 8), byte(field), 0, 0, 0, 7})
	}
	if c.IntN(8) == 0 {
		add(destination, options())
	}
	if c.IntN(8) == 0 {
		add(hopByHop, options())
	}
	b := append(ether(0x86dd), 0x60, byte(c.IntN(4)<<4), 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(extensions)+len(payload)))
	b = append(b, next, 64)
	address := func(net, host byte) { b = append(b, 0xfd, 0, 0, 0, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, host) }
	address(0, byte(1+c.IntN(3)))
	address(1, byte(1+c.IntN(3)))
	return append(append(b, extensions...), payload...)
}

// sendCrafted sends frames from a, so many of each kind, and now and then one that is not of IP.
func sendCrafted(n *topology.Network, o order) error {
	a := n.Node("a")
	var fd int
	err := a.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("open packet socket: %w", err)
	}
	defer unix.Close(fd)
	to := unix.SockaddrLinklayer{Ifindex: a.Ends()[0].Index}
	send := func(frame []byte) error {
		to.Protocol = binary.NativeEndian.Uint16(frame[12:])
		return unix.Sendto(fd, frame, 0, &to)
	}
	c := &crafter{Rand: rand.New(rand.NewPCG(o.Seed, 1))}
	for i := range o.Crafted * kinds {
		if err := send(c.frame(i % kinds)); err != nil {
			return fmt.Errorf("send a frame: %w", err)
		}
		if i%50 == 0 {
			if err := send(append(ether(0x88cc), make([]byte, 46)...)); err != nil { // LLDP
				return fmt.Errorf("send a frame: %w", err)
			}
		}
	}
	return nil
}
