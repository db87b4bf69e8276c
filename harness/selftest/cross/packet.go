package cross

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// epoch is the start of the measured window in a capture, in seconds since 1970: 1 January 2000, 00:00 UTC. See
// docs/guides/capture.md.
const epoch = 946684800

// Flags of a TCP segment, RFC 9293.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// Packet is one packet at one capture point, as tshark reads it.
type Packet struct {
	Point   string // such as "client>edge sent"
	Time    int64  // ns since the start of the measured window
	ID      uint64 // 0 where the capture does not know it
	Hash    string // MD5 of the frame
	Comment string
	Frame   int // length in bytes, with the Ethernet header

	EtherType int

	Version   int // 4, 6 or neither
	Src, Dst  string
	Length    int // of the IP packet, in bytes
	ECN       int
	Fragment  bool
	BadHeader bool   // wrong checksum of the IPv4 header
	Transport string // tcp, icmp, icmpv6, udp …
	ICMP      int    // type

	Code         int    // of ICMP
	About        int    // port to which the UDP datagram went that an ICMP message is about
	Text         []byte // of a UDP datagram
	Name         Name   // of a datagram of DNS
	Stream       int
	From, Port   int // source and destination port
	Seq, Ack     uint32
	Payload      int
	Flags        int
	Window       int
	BadSum       bool
	Again        bool   // tshark: sent once more
	KeepAlive    bool   // tshark: keep-alive, or probe of a closed window
	DuplicateACK bool   // tshark: duplicate ACK
	Stamp        uint32 // timestamp, 0 if there is none
	DSACK        bool   // reports that a segment came twice

	Request bool // an HTTP request begins here
	Status  int  // of the HTTP answer that begins here
	Head    int  // bytes of its head
	Body    int  // its Content-Length
}

// TCP tells whether the packet is a TCP segment.
func (p *Packet) TCP() bool { return p.Transport == "tcp" }

// Has tells whether the segment has all of these flags.
func (p *Packet) Has(flags int) bool { return p.TCP() && p.Flags&flags == flags }

// Data tells whether it is a segment with a payload.
func (p *Packet) Data() bool { return p.TCP() && p.Payload > 0 }

// PureACK tells whether the segment carries an ACK and nothing else.
func (p *Packet) PureACK() bool {
	return p.Has(flagACK) && p.Flags&(flagSYN|flagFIN|flagRST) == 0 && p.Payload == 0
}

// end is the sequence number after the segment: SYN and FIN take one each.
func (p *Packet) end() uint32 {
	n := uint32(p.Payload)
	if p.Flags&flagSYN != 0 {
		n++
	}
	if p.Flags&flagFIN != 0 {
		n++
	}
	return p.Seq + n
}

// parsePacket reads a line of tshark's fields, split at its tabs.
func parsePacket(f []string) (p Packet, err error) {
	if len(f) != len(fields) {
		return p, fmt.Errorf("%d fields instead of %d", len(f), len(fields))
	}
	next := func() string { s := f[0]; f = f[1:]; return s }
	number := func() int {
		s := next()
		if s == "" {
			return 0
		}
		n, e := strconv.ParseInt(s, 0, 64)
		if e != nil && err == nil {
			err = e
		}
		return int(n)
	}
	is := func() bool { return next() != "" }
	p.Point = next()
	if p.Time, err = parseTime(next()); err != nil {
		return p, err
	}
	p.ID = uint64(number())
	p.Hash = next()
	p.Version, p.Transport = parseProtocols(next())
	p.Comment = next()
	v4 := ip{next(), next(), number(), number()}
	p.BadHeader = next() == "0"
	p.Fragment = truth(next())
	p.Fragment = number() != 0 || p.Fragment
	v6 := ip{next(), next(), number() + 40, number()}
	a := v4
	if p.Version == 6 {
		a = v6
	}
	p.Src, p.Dst, p.Length, p.ECN = a.src, a.dst, a.length, a.ecn
	icmp, icmp6 := number(), number()
	if p.ICMP = icmp; p.Transport == "icmpv6" {
		p.ICMP = icmp6
	}
	p.Stream, p.From, p.Port = number(), number(), number()
	p.Seq, p.Ack, p.Payload, p.Flags, p.Window = uint32(number()), uint32(number()), number(), number(), number()
	p.BadSum = next() != "1" && p.TCP() // bad, or the header is damaged so that tshark does not get that far
	p.Again = is()
	p.Again = is() || p.Again
	p.KeepAlive = is()
	p.KeepAlive = is() || p.KeepAlive
	p.DuplicateACK, p.DSACK, p.Request = is(), is(), is()
	p.Status, p.Body = number(), number()
	if here := number(); p.Status != 0 {
		p.Head = p.Payload - here
	}
	p.Frame, p.EtherType, p.Stamp = number(), number(), uint32(number())
	code, code6 := number(), number()
	if p.Code = code; p.Transport == "icmpv6" {
		p.Code = code6
	}
	from, to, sum, text := number(), number(), next(), next()
	p.About = to
	if p.Transport == "udp" {
		p.From, p.Port, p.BadSum = from, to, sum != "1" && sum != "3" // good, or not there
		var e error
		if p.Text, e = hex.DecodeString(text); e != nil && err == nil {
			err = e
		}
		p.Payload = len(p.Text)
	}
	id := next()
	p.Name = Name{ID: id, Type: number(), Answer: truth(next()), Code: number(), Addresses: number()}
	// For a sum of 0 Linux writes 0xffff (CSUM_MANGLED_0 in skb_checksum_help, net/core/dev.c), the other zero of ones'
	// complement. Receivers add it up to the same; tshark calls it incorrect, should be 0x0000.
	if sum, right := number(), number(); sum == 0xffff && right == 0 {
		p.BadSum = p.BadSum && !p.TCP()
	}
	return p, err
}

// Name is a query about a name, or an answer.
type Name struct {
	ID        string // empty if it is neither
	Type      int    // that is asked for
	Answer    bool
	Code      int // of the answer
	Addresses int // in it
}

type ip struct {
	src, dst    string
	length, ecn int
}

func truth(s string) bool { return s == "1" || strings.EqualFold(s, "true") }

// parseTime reads seconds since 1970 with nine decimals.
func parseTime(s string) (int64, error) {
	whole, part, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt((part + "000000000")[:9], 10, 64)
	return (sec-epoch)*1e9 + ns, err
}

// parseProtocols reads the outermost version of IP and what it carries from a list such as
// eth:ethertype:ip:tcp:http.
func parseProtocols(s string) (version int, transport string) {
	for _, name := range strings.Split(s, ":") {
		switch {
		case version == 0 && name == "ip":
			version = 4
		case version == 0 && name == "ipv6":
			version = 6
		case version == 0 || strings.HasPrefix(name, "ipv6."):
		default:
			return version, name
		}
	}
	return version, ""
}
