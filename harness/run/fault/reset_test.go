package fault

import (
	"fmt"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// answer is what a host should send back for a segment to a closed port, by RFC 9293, section 3.10.7.1: another hand
// than the program's, with gopacket.
func (l *lab) answer(t *testing.T, v6 bool, h *layers.TCP, payload int) []byte {
	t.Helper()
	ends := l.links[0].Ends
	r := &layers.TCP{SrcPort: h.DstPort, DstPort: h.SrcPort, RST: true}
	if h.ACK {
		r.Seq = h.Ack
	} else {
		r.ACK, r.Ack = true, h.Seq+uint32(payload)
		for _, flag := range []bool{h.SYN, h.FIN} {
			if flag {
				r.Ack++
			}
		}
	}
	e := &layers.Ethernet{SrcMAC: ends[1].MAC, DstMAC: ends[0].MAC, EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer
	if v6 {
		e.EthernetType = layers.EthernetTypeIPv6
		n := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
			SrcIP: ends[1].Addr6.Addr().AsSlice(), DstIP: ends[0].Addr6.Addr().AsSlice()}
		require.NoError(t, r.SetNetworkLayerForChecksum(n))
		ip = n
	} else {
		n := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, Flags: layers.IPv4DontFragment,
			SrcIP: ends[1].Addr4.Addr().AsSlice(), DstIP: ends[0].Addr4.Addr().AsSlice()}
		require.NoError(t, r.SetNetworkLayerForChecksum(n))
		ip = n
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		e, ip, r))
	return b.Bytes()[:etherHeader+map[bool]int{false: 20, true: 40}[v6]+20] // a veth needs no padding
}

func TestResetsAreThoseOfTheRFC(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for _, flags := range []string{"S", "A", "PA", "FA", "F", "SF", "SA", "", "R", "RA"} {
			for _, payload := range []int{0, 1000} {
				t.Run(fmt.Sprintf("%q, %d bytes, IPv6 %t", flags, payload, v6), func(t *testing.T) {
					l := newLab(t, ", delay: 1ms", "name: no, from: a, do: {reject: rst}, select: {packets: tcp}")
					s := l.packetSocket(t)
					h := tcp(flags, timestamps()...)
					h.Seq, h.Ack = 4294967290, 77777
					ip := gopacket.SerializableLayer(ipv4(layers.IPProtocolTCP))
					if v6 {
						ip = ipv6(layers.IPProtocolTCP)
					}
					require.NoError(t, h.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)))
					s.send(t, l.frame(t, ip, h, bytesOf(payload)))
					got := s.receive(t)
					r, because := l.receipts(t)
					require.Empty(t, because)
					require.Equal(t, []int64{1, 1, 1}, []int64{r[0].Matched, r[0].Chosen, r[0].Delivered})
					if h.RST {
						require.Nil(t, got)
						require.Zero(t, r[0].Messages)
						return
					}
					require.EqualValues(t, 1, r[0].Messages)
					require.Equal(t, l.answer(t, v6, h, payload), got)
				})
			}
		}
	}
}

// Segments behind IP options are lost without an answer, which the receipt shows.
func TestNoResetBehindOptions(t *testing.T) {
	l := newLab(t, "", "name: no, from: a, do: {reject: rst}, select: {packets: tcp}")
	s := l.packetSocket(t)
	o := layers.IPv4Option{OptionType: 130, OptionLength: 40, OptionData: make([]byte, 38)}
	ip, h := ipv4(layers.IPProtocolTCP, o), tcp("S")
	require.NoError(t, h.SetNetworkLayerForChecksum(ip))
	s.send(t, l.frame(t, ip, h))
	require.Nil(t, s.receive(t))
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, []int64{1, 0}, []int64{r[0].Delivered, r[0].Messages})
}

// Each kind of "destination unreachable" has the code of the RFCs, and quotes the packet.
func TestUnreachablesHaveTheirCodes(t *testing.T) {
	for reason, codes := range map[string][2]uint8{"net-unreachable": {0, 0}, "host-unreachable": {1, 3},
		"port-unreachable": {3, 4}, "admin-prohibited": {13, 1}} {
		for i := range 6 {
			v6, size := i%2 == 1, []int{0, 100, 1400}[i/2]
			t.Run(fmt.Sprintf("%s, %d bytes, IPv6 %t", reason, size, v6), func(t *testing.T) {
				l := newLab(t, ", delay: 1ms", "name: no, from: a, do: {reject: "+reason+"}, select: {packets: udp}")
				s := l.packetSocket(t)
				ip := gopacket.SerializableLayer(ipv4(layers.IPProtocolUDP))
				if v6 {
					ip = ipv6(layers.IPProtocolUDP)
				}
				udp := &layers.UDP{SrcPort: 1000, DstPort: 9}
				require.NoError(t, udp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)))
				sent := l.frame(t, ip, udp, bytesOf(size))
				s.send(t, sent)
				got := s.receive(t)
				r, because := l.receipts(t)
				require.Empty(t, because)
				require.EqualValues(t, []int64{1, 1, 1, 1},
					[]int64{r[0].Matched, r[0].Chosen, r[0].Delivered, r[0].Messages})
				p := gopacket.NewPacket(got, layers.LayerTypeEthernet, gopacket.Default)
				require.Nil(t, p.ErrorLayer())
				quote := got[etherHeader+20+icmpLength:]
				if v6 {
					icmp := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
					require.Equal(t, layers.CreateICMPv6TypeCode(1, codes[i%2]), icmp.TypeCode)
					quote = got[etherHeader+40+icmpLength:]
				} else {
					icmp := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
					require.Equal(t, layers.CreateICMPv4TypeCode(3, codes[i%2]), icmp.TypeCode)
					require.Zero(t, icmp.Seq)
				}
				require.Equal(t, sent[etherHeader:][:len(quote)], quote)
				c := l.counters(t, "a")
				require.EqualValues(t, 1, c["Icmp.InDestUnreachs"]+c["Icmp6.Icmp6InDestUnreachs"])
				require.Zero(t, c["Icmp.InCsumErrors"]+c["Icmp6.Icmp6InCsumErrors"])
			})
		}
	}
}

// Which packets of many are rejected is what the hash says, and the receipt has the interval of the chance.
func TestRejectHasAChance(t *testing.T) {
	const n = 1000
	l := newLab(t, "", "name: no, from: a, do: {reject: host-unreachable}, select: {packets: udp, chance: 10%}")
	d := l.datagrams(t, false)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	left, chosen := dropped(upTo(n), d.flow, decide("no", .1))
	require.Equal(t, left, d.received(t))
	require.Equal(t, []int64{chosen, chosen, chosen}, []int64{r[0].Chosen, r[0].Delivered, r[0].Messages})
	lo, hi := binomialInterval(n, .1)
	require.Equal(t, []int64{lo, hi}, r[0].Interval)
}
