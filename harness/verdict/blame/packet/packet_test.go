package packet

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

func compared(t *testing.T, a, b Side) *Comparison {
	t.Helper()
	c, err := Compare(a, b)
	require.NoError(t, err)
	return c
}

// Ports, first numbers, identifications, timestamps and some microseconds are those of a run. Numbers pass 2^32.
func TestTheSamePackets(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	b.at = 70 * time.Microsecond
	for _, k := range []*talk{a, b} {
		k.hello()
		k.tcp(webSends, ack, 1, 100, 1448)
		k.tcp(webSends, ack, 1449, 100, 1448)
	}
	c := compared(t, a.rest(), b.rest())
	require.Nil(t, c.First)
	require.Nil(t, c.Window)
	require.Nil(t, c.Moved)
	require.EqualValues(t, 7, c.Same)
	require.InDelta(t, 70e-6, c.Apart, 1e-9)
}

// Each of these makes another packet of the fifth, and is what is told of it.
func TestWhatMakesAnotherPacket(t *testing.T) {
	option := func(kind layers.TCPOptionKind, data ...byte) func(*layers.IPv4, *layers.TCP) {
		return func(_ *layers.IPv4, t *layers.TCP) {
			t.Options = append(t.Options, layers.TCPOption{OptionType: kind, OptionLength: uint8(2 + len(data)),
				OptionData: data})
		}
	}
	for name, c := range map[string]struct {
		flags    uint16
		seq, ack uint32
		n        int
		change   func(*layers.IPv4, *layers.TCP)
		fields   []Field
	}{
		"flags":  {ack | psh, 1, 100, 1448, nil, []Field{{"flags", "ACK", "PSH ACK"}}},
		"seq":    {ack, 1449, 100, 1448, nil, []Field{{"seq", "1", "1449"}}},
		"ack":    {ack, 1, 1, 1448, nil, []Field{{"ack", "100", "1"}}},
		"length": {ack, 1, 100, 1447, nil, []Field{{"length", "1448", "1447"}}},
		"RST":    {rst, 1, 0, 0, nil, []Field{{"flags", "ACK", "RST"}, {"ack", "100", "0"}, {"length", "1448", "0"}}},
		"TTL": {ack, 1, 100, 1448, func(ip *layers.IPv4, _ *layers.TCP) { ip.TTL = 63 },
			[]Field{{"time to live", "64", "63"}}},
		"CE": {ack, 1, 100, 1448, func(ip *layers.IPv4, _ *layers.TCP) { ip.TOS = 3 }, []Field{{"ECN", "", "CE"}}},
		"DSCP": {ack, 1, 100, 1448, func(ip *layers.IPv4, _ *layers.TCP) { ip.TOS = 46 << 2 },
			[]Field{{"DSCP", "0", "46"}}},
		"DF": {ack, 1, 100, 1448, func(ip *layers.IPv4, _ *layers.TCP) { ip.Flags = 0 },
			[]Field{{"do not fragment", "yes", "no"}}},
		"MSS":     {ack, 1, 100, 1448, option(layers.TCPOptionKindMSS, 5, 0xb4), []Field{{"options", "", "MSS 1460"}}},
		"scale":   {ack, 1, 100, 1448, option(layers.TCPOptionKindWindowScale, 0), []Field{{"options", "", "scale 0"}}},
		"SACK ok": {ack, 1, 100, 1448, option(layers.TCPOptionKindSACKPermitted), []Field{{"options", "", "SACK permitted"}}},
		"no stamps": {ack, 1, 100, 1448, func(_ *layers.IPv4, t *layers.TCP) { t.Options = nil },
			[]Field{{"timestamps", "yes", "no"}}},
		"SACK": {ack, 1, 100, 1448, func(_ *layers.IPv4, t *layers.TCP) { // relative to client's 2000
			t.Options = append(t.Options, layers.TCPOption{OptionType: layers.TCPOptionKindSACK, OptionLength: 10,
				OptionData: []byte{0, 0, 0x07, 0xd1, 0, 0, 0x08, 0x34}})
		}, []Field{{"SACK", "", "1–100"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := begin(t, 1), begin(t, 2)
			a.hello()
			b.hello()
			a.tcp(webSends, ack, 1, 100, 1448)
			if c.change == nil {
				c.change = func(*layers.IPv4, *layers.TCP) {}
			}
			b.tcp(webSends, c.flags, c.seq, c.ack, c.n, c.change)
			got := compared(t, a.rest(), b.rest())
			require.NotNil(t, got.First)
			require.Equal(t, c.fields, got.First.Fields)
			require.Equal(t, "web>client sent", got.First.Point)
			require.Equal(t, [2]string{"client:30001 → web:80", "client:30002 → web:80"}, got.First.Conversation)
			require.Equal(t, []int{2, 5, 5}, []int{got.First.Nth, got.First.A.Frame, got.First.B.Frame})
			require.InDelta(t, 400e-6, got.First.At, 1e-9)
			require.EqualValues(t, 4, got.Same)
		})
	}
}

// The window tells no packets apart, and is told on its own. So is the time.
func TestWindowAndTime(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	a.hello()
	b.hello()
	a.tcp(webSends, ack, 1, 100, 1448)
	b.at += 1500 * time.Microsecond
	b.tcp(webSends, ack, 1, 100, 1448, func(_ *layers.IPv4, t *layers.TCP) { t.Window = 501 })
	a.tcp(webSends, ack, 1449, 100, 10)
	b.tcp(webSends, ack, 1449, 100, 11)
	c := compared(t, a.rest(), b.rest())
	require.Equal(t, []Field{{"length", "10", "11"}}, c.First.Fields)
	require.Equal(t, []Field{{"window", "500", "501"}}, c.Window.Fields)
	require.Equal(t, 5, c.Window.A.Frame)
	require.Equal(t, 5, c.Moved.B.Frame)
	require.InDelta(t, 1.5e-3, c.Moved.B.At-c.Moved.A.At, 1e-9)
	require.InDelta(t, 1.5e-3, c.Apart, 1e-9)

	// After the first packet that differs they are its consequence.
	a, b = begin(t, 1), begin(t, 2)
	a.hello()
	b.hello()
	a.tcp(webSends, ack, 1, 100, 10)
	b.tcp(webSends, ack, 1, 100, 11)
	a.tcp(clientSends, ack, 100, 11, 0)
	b.tcp(clientSends, ack, 100, 11, 0, func(_ *layers.IPv4, t *layers.TCP) { t.Window = 501 })
	c = compared(t, a.rest(), b.rest())
	require.Nil(t, c.Window)
	require.EqualValues(t, 4, c.Same, "what comes after it is not counted")
}

// The moment is that of the run in which the packet comes earlier, and the earliest of all lists is the first.
func TestTheEarliestIsTheFirst(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	for _, k := range []*talk{a, b} {
		k.hello()
	}
	a.at += 100 * time.Millisecond
	a.tcp(webSends, ack, 1, 100, 10) // at 100.4 ms
	b.at += 50 * time.Millisecond
	b.tcp(webSends, ack, 1, 100, 11) // at 50.4 ms
	a.at, b.at = 60*time.Millisecond, 60*time.Millisecond
	a.tcp(clientSends, ack, 100, 1, 0)
	b.tcp(clientSends, ack, 100, 2, 0)
	c := compared(t, a.rest(), b.rest())
	require.Equal(t, "web>client sent", c.First.Point)
	require.InDelta(t, 0.0504, c.First.At, 1e-9)
}

// A packet that only one run has makes others of all that follow. It is looked for from the earliest moment on, and the
// packets around it are aligned by what is the same.
func TestAPacketThatIsMissing(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	for _, k := range []*talk{a, b} {
		k.hello()
		k.tcp(webSends, ack, 1, 100, 1448)
		if k == a {
			k.note = "copies: 1 copy"
			k.tcp(webSends, ack, 1, 100, 1448) // again
			k.note = ""
		}
		k.tcp(webSends, ack, 1449, 100, 1448)
		k.tcp(webSends, ack, 2897, 100, 1448)
		k.tcp(clientReceives, ack, 1, 100, 1448)
	}
	c := compared(t, a.rest(), b.rest())
	require.Equal(t, []Field{{"seq", "1", "1449"}}, c.First.Fields)
	require.Equal(t, 3, c.First.Nth)
	require.Equal(t, "← ACK seq 1 ack 100 len 1448 win 500 [copies: 1 copy]", c.First.A.String())
	require.Equal(t, "← ACK seq 1449 ack 100 len 1448 win 500", c.First.B.String())
	var marks []string
	for _, r := range append(c.First.Before, c.First.After...) {
		switch {
		case r.Same:
			require.Equal(t, r.A.Seq, r.B.Seq)
			marks = append(marks, "=")
		case r.A != nil:
			marks = append(marks, "A")
		default:
			marks = append(marks, "B")
		}
	}
	// web sees its own side only: the handshake's answer and the first segment; then A has 1449 more.
	require.Equal(t, "= = A = =", strings.Join(marks, " "))

	// What comes in one run only, at the end of a conversation, and nothing after it.
	a, b = begin(t, 1), begin(t, 2)
	for _, k := range []*talk{a, b} {
		k.hello()
		k.tcp(webSends, ack, 1, 100, 1448)
	}
	b.tcp(clientSends, ack, 100, 1449, 0)
	c = compared(t, a.rest(), b.rest())
	require.Nil(t, c.First.A)
	require.Equal(t, 6, c.First.B.Frame)
	require.Empty(t, c.First.Fields)
}

// The last millisecond of a capture is not compared where only one run has something, nor what a ring had no room for.
func TestTheEndOfACapture(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	for _, k := range []*talk{a, b} {
		k.hello()
		k.tcp(webSends, ack, 1, 100, 1448)
	}
	b.tcp(webSends, ack, 1449, 100, 1448) // 100 µs later
	require.Nil(t, compared(t, a.side(), b.side()).First)

	a, b = begin(t, 1), begin(t, 2)
	a.hello()
	b.hello()
	b.at += time.Second
	b.tcp(webSends, ack, 1, 100, 1448)
	b.at += time.Second
	b.tcp(webSends, ack, 1449, 100, 1448)
	require.NotNil(t, compared(t, a.side(), b.side()).First, "A is silent")
	full := pcapgo.NgInterfaceStatistics{LastUpdate: pcapng.Epoch, PacketsDropped: 3}
	require.NoError(t, a.w.WriteInterfaceStats(0, full))
	c := compared(t, a.side(), b.side())
	require.Nil(t, c.First, "A had no room for it")
	require.Equal(t, []string{"client--web.pcapng is cut short: the last 3 packets are missing"}, c.Notes)
}

// Conversations are paired by port where ports are chosen alike, and else in their order.
func TestConversationsArePaired(t *testing.T) {
	of := func(ports ...uint16) (list []*conversation) {
		for i, p := range ports {
			list = append(list, &conversation{ends: [2]netip.AddrPort{
				netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), p), netip.MustParseAddrPort("10.0.0.2:80")},
				proto: "TCP", began: time.Duration(i)})
		}
		return list
	}
	told := func(list [][2]*conversation) (out [][2]uint16) {
		for _, p := range list {
			var one [2]uint16
			for i, c := range p {
				if c != nil {
					one[i] = c.ends[0].Port()
				}
			}
			out = append(out, one)
		}
		return out
	}
	require.Equal(t, [][2]uint16{{1, 1}, {2, 2}, {3, 3}}, told(pairs(of(1, 2, 3), of(2, 1, 3))), "another order")
	require.Equal(t, [][2]uint16{{1, 1}, {2, 0}, {0, 9}}, told(pairs(of(1, 2), of(9, 1))), "half")
	require.Equal(t, [][2]uint16{{1, 7}, {2, 8}, {3, 3}, {4, 0}}, told(pairs(of(1, 2, 3, 4), of(7, 8, 3))),
		"one of three by chance")
	require.Equal(t, [][2]uint16{{0, 5}}, told(pairs(nil, of(5))))
}

// The same ports again are another connection, with numbers of its own. A SYN that is sent again is not.
func TestPortsAreUsedAgain(t *testing.T) {
	sides := [2]Side{}
	for i := range sides {
		k := begin(t, uint32(i)+1)
		k.hello()
		k.tcp(clientSends, fin|ack, 100, 1, 0)
		k.isn = [2]uint32{uint32(77 + i), uint32(99 - i)}
		k.tcp(clientSends, syn, 0, 0, 0)
		k.tcp(clientSends, syn, 0, 0, 0)
		k.tcp(webSends, syn|ack, 0, 1, 0)
		k.tcp(webSends, ack, 1, 1, 10+i)
		sides[i] = k.rest()
	}
	c := compared(t, sides[0], sides[1])
	require.Equal(t, []Field{{"length", "10", "11"}}, c.First.Fields)
	require.Equal(t, 2, c.First.Nth, "of the second connection")
	require.EqualValues(t, 8, c.Same)
}

// Of a connection whose beginning is not in the capture, numbers are relative to those of its first packet. A SYN in
// the middle of one that is open is a packet of it, and one after a SYN without an answer begins another.
func TestWhereConnectionsBegin(t *testing.T) {
	a, b := begin(t, 1), begin(t, 2)
	for _, k := range []*talk{a, b} {
		k.tcp(webSends, ack, 7000, 900, 1448)
		k.tcp(clientSends, ack, 900, 8448, 0)
	}
	c := compared(t, a.rest(), b.rest())
	require.Nil(t, c.First)
	require.EqualValues(t, 3, c.Same)

	begun := func(talk func(k *talk)) int {
		k := begin(t, 1)
		talk(k)
		side := k.side()
		wires, err := side.read()
		require.NoError(t, err)
		return len(wires["client--web.pcapng"].all)
	}
	require.Equal(t, 1, begun(func(k *talk) {
		k.hello()
		k.tcp(clientSends, syn, 70000, 0, 0)
	}))
	require.Equal(t, 2, begun(func(k *talk) {
		k.tcp(clientSends, syn, 0, 0, 0)
		k.tcp(clientSends, syn, 70000, 0, 0)
	}))
	require.Equal(t, 1, begun(func(k *talk) {
		k.hello()
		k.tcp(clientSends, rst, 100, 0, 0)
		k.tcp(webReceives, syn, 70000, 0, 0) // nobody has sent it
	}))
}

// As many packets as possible stand beside the same one.
func TestRowsAreAligned(t *testing.T) {
	of := func(seqs ...uint32) (list []*Packet) {
		for _, n := range seqs {
			list = append(list, &Packet{Seq: n, shape: shape{seq: n}})
		}
		return list
	}
	told := func(list []Row) string {
		var words []string
		for _, r := range list {
			switch {
			case r.Same:
				words = append(words, fmt.Sprintf("%d=%d", r.A.Seq, r.B.Seq))
			case r.A != nil:
				words = append(words, fmt.Sprintf("%d|", r.A.Seq))
			default:
				words = append(words, fmt.Sprintf("|%d", r.B.Seq))
			}
		}
		return strings.Join(words, " ")
	}
	require.Equal(t, "|3 1=1 2=2 3|", told(rows(of(1, 2, 3), of(3, 1, 2))))
	require.Equal(t, "3| 1=1 2=2 |3", told(rows(of(3, 1, 2), of(1, 2, 3))))
	require.Equal(t, "1| |2", told(rows(of(1), of(2))))
	require.Equal(t, "|1 |2", told(rows(nil, of(1, 2))))
}

func TestOtherProtocols(t *testing.T) {
	ip4 := func(p layers.IPProtocol) *layers.IPv4 {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
	}
	ip6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, FlowLabel: 77,
		SrcIP: netip.MustParseAddr("fd00::1").AsSlice(), DstIP: netip.MustParseAddr("fd00::2").AsSlice()}
	u := &layers.UDP{SrcPort: 5, DstPort: 53}
	require.NoError(t, u.SetNetworkLayerForChecksum(ip6))
	d := decode(serialized(t, ip6, u, gopacket.Payload(make([]byte, 33))))
	require.Equal(t, []string{"UDP", "[fd00::1]:5", "[fd00::2]:53"}, []string{d.kind, d.src.String(), d.dst.String()})
	require.Equal(t, 33, d.length)
	require.EqualValues(t, 64, d.ttl)

	tooBig := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: 1400}
	d = decode(serialized(t, ip4(layers.IPProtocolICMPv4), tooBig, gopacket.Payload(make([]byte, 28))))
	require.Equal(t, "ICMP 3/4", d.kind)
	require.Equal(t, 36, d.length)

	part := ip4(layers.IPProtocolUDP)
	part.FragOffset, part.Flags = 185, layers.IPv4MoreFragments
	d = decode(serialized(t, part, gopacket.Payload(make([]byte, 40))))
	require.Equal(t, "fragment at 1480, more follow", d.piece)
	require.Zero(t, d.src.Port())
	last := *part
	last.Flags = 0
	end := decode(serialized(t, &last, gopacket.Payload(make([]byte, 40))))
	require.Equal(t, []Field{{"fragment", "fragment at 1480, more follow", "fragment at 1480, the last"}},
		(&seen{shape: d.shape}).shown().Differs((&seen{shape: end.shape}).shown()))

	for _, b := range [][]byte{nil, {1, 2, 3}, make([]byte, 14), make([]byte, 60)} {
		require.NotPanics(t, func() { decode(b) })
	}
}

// Files that are no captures of the run are refused with their names.
func TestBadCaptures(t *testing.T) {
	good := begin(t, 1)
	good.hello()
	side := good.side()
	file := filepath.Join(side.Dir, "client--web.pcapng")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for name, b := range map[string][]byte{"empty": {}, "no capture": []byte("version: 1\n"),
		"cut": whole[:len(whole)-7]} {
		bad := Side{Dir: t.TempDir(), Scenario: side.Scenario}
		require.NoError(t, os.WriteFile(filepath.Join(bad.Dir, "client--web.pcapng"), b, 0o600))
		_, err = Compare(side, bad)
		require.ErrorContains(t, err, filepath.Join(bad.Dir, "client--web.pcapng"), name)
		require.Equal(t, problem.Usage, problem.KindOf(err), name)
	}
	_, err = Compare(side, Side{Dir: t.TempDir(), Scenario: side.Scenario})
	require.ErrorContains(t, err, "no such file")
	other, err := scenario.Parse("x.yaml", []byte(strings.ReplaceAll(text, "name: copies", "name: doubles")), nil)
	require.NoError(t, err)
	_, err = Compare(side, Side{Dir: side.Dir, Scenario: other})
	require.NoError(t, err, "the fault has no packet here, and is of one run only")
	good.tcp(copiesActs, ack, 1, 1, 0)
	side = good.side()
	_, err = Compare(side, Side{Dir: side.Dir, Scenario: other})
	require.ErrorContains(t, err, `frame 5 is of "client>web fault copies", which the scenario does not have`)
}
