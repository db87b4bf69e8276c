package forge

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

var (
	v4 = [14]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}
	v6 = [14]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd}
)

func segments() (list []Segment) {
	for _, payload := range []int{0, 1, 2, 99, 1400} {
		for _, flags := range []byte{ACK, PSH | ACK, SYN, FIN | ACK, RST, 0xff} {
			for _, stamps := range []*Timestamps{nil, {0xdeadbeef, 7}} {
				s := Segment{
					Seq: 0xfffffff0, Ack: 0x12345678, Flags: flags, Window: 501, Timestamps: stamps, Payload: payload,
					Ethernet: v4, From: netip.MustParseAddrPort("10.0.1.1:40001"), To: netip.MustParseAddrPort("10.0.1.2:3306"),
				}
				list = append(list, s)
				s.Ethernet, s.From, s.To = v6, netip.MustParseAddrPort("[fd00:0:0:1::1]:40001"),
					netip.MustParseAddrPort("[fd00:0:0:1::2]:3306")
				list = append(list, s)
			}
		}
	}
	return list
}

// gopacket lays out the same segment, and computes the checksums, by itself.
func TestFramesAreThoseOfAnotherEncoder(t *testing.T) {
	for _, s := range segments() {
		t.Run(fmt.Sprintf("%s, flags %#x, %d bytes, timestamps %t", s.From.Addr(), s.Flags, s.Payload, s.Timestamps != nil),
			func(t *testing.T) {
				want, got := encode(t, s), s.Frame()
				require.Equal(t, want[:len(got)], got)
				require.Empty(t, bytes.Trim(want[len(got):], "\x00"), "no more than gopacket's padding to the least Ethernet frame")
			})
	}
}

func encode(t *testing.T, s Segment) []byte {
	ether := &layers.Ethernet{DstMAC: s.Ethernet[:6], SrcMAC: s.Ethernet[6:12], EthernetType: layers.EthernetTypeIPv4}
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(s.From.Port()), DstPort: layers.TCPPort(s.To.Port()), Seq: s.Seq, Ack: s.Ack,
		Window: s.Window,
		FIN:    s.Flags&FIN != 0, SYN: s.Flags&SYN != 0, RST: s.Flags&RST != 0, PSH: s.Flags&PSH != 0,
		ACK: s.Flags&ACK != 0, URG: s.Flags&URG != 0, ECE: s.Flags&ECE != 0, CWR: s.Flags&CWR != 0,
	}
	if s.Timestamps != nil {
		nop := layers.TCPOption{OptionType: layers.TCPOptionKindNop, OptionLength: 1}
		data := []byte{0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 7}
		tcp.Options = []layers.TCPOption{nop, nop,
			{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: data}}
	}
	var ip gopacket.SerializableLayer
	if s.From.Addr().Is6() {
		ether.EthernetType = layers.EthernetTypeIPv6
		l := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: s.From.Addr().AsSlice(),
			DstIP: s.To.Addr().AsSlice()}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(l))
		ip = l
	} else {
		l := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, Flags: layers.IPv4DontFragment,
			SrcIP: s.From.Addr().AsSlice(), DstIP: s.To.Addr().AsSlice()}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(l))
		ip = l
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		ether, ip, tcp, gopacket.Payload(make([]byte, s.Payload))))
	return b.Bytes()
}

func TestTimestampsAreFoundInAnyPlace(t *testing.T) {
	stamps := []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2}
	for name, c := range map[string]struct {
		options []byte
		want    *Timestamps
	}{
		"alone, as Linux has them": {append([]byte{1, 1}, stamps...), &Timestamps{1, 2}},
		"behind those of a SYN":    {append([]byte{2, 4, 5, 180, 4, 2}, stamps...), &Timestamps{1, 2}},
		"behind two SACK blocks":   {append(append([]byte{1, 1, 5, 18}, make([]byte, 16)...), append(stamps, 1, 1)...), &Timestamps{1, 2}},
		"none":                     {nil, nil},
		"another option":           {[]byte{3, 3, 7, 1}, nil},
		"behind the end of list":   {append([]byte{0, 0}, stamps...), nil},
		"a length of 0":            {append([]byte{9, 0}, stamps...), nil},
		"a length beyond the end":  {[]byte{8, 10, 0, 0}, nil},
		"cut":                      {[]byte{1, 1, 1, 8}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			header := append(make([]byte, 20), c.options...)
			header[12] = byte(len(header) / 4 << 4)
			require.Equal(t, c.want, FindTimestamps(header))
		})
	}
	require.Nil(t, FindTimestamps(make([]byte, 19)), "no header")
	short := make([]byte, 20)
	short[12] = 15 << 4
	require.Nil(t, FindTimestamps(short), "a header that claims more than there is")
}

func FuzzFindTimestamps(f *testing.F) {
	f.Add(append(append(make([]byte, 12), 8<<4), make([]byte, 19)...))
	f.Fuzz(func(t *testing.T, header []byte) { FindTimestamps(header) })
}
