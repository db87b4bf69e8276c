package fault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// packetSocket is one on node a's device: what a receives, and a way to send any frame.
type packetSocket int

func (l *lab) packetSocket(t *testing.T) packetSocket {
	t.Helper()
	all := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}))
	fd := -1
	require.NoError(t, l.network.Node("a").Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: l.links[0].Ends[0].Index}))
	require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	return packetSocket(fd)
}

func (s packetSocket) send(t *testing.T, frame []byte) {
	t.Helper()
	_, err := unix.Write(int(s), frame)
	require.NoError(t, err)
}

// receive returns the next frame, or nil when none comes.
func (s packetSocket) receive(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 2000)
	n, err := unix.Read(int(s), b)
	if err == unix.EAGAIN {
		return nil
	}
	require.NoError(t, err)
	return b[:n]
}

// frame is one from a to b.
func (l *lab) frame(t *testing.T, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ends := l.links[0].Ends
	kind := layers.EthernetTypeIPv4
	switch ip := list[0].(type) {
	case *layers.IPv4:
		ip.SrcIP, ip.DstIP = ends[0].Addr4.Addr().AsSlice(), ends[1].Addr4.Addr().AsSlice()
	case *layers.IPv6:
		kind = layers.EthernetTypeIPv6
		ip.SrcIP, ip.DstIP = ends[0].Addr6.Addr().AsSlice(), ends[1].Addr6.Addr().AsSlice()
	}
	e := &layers.Ethernet{SrcMAC: ends[0].MAC, DstMAC: ends[1].MAC, EthernetType: kind}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		append([]gopacket.SerializableLayer{e}, list...)...))
	return b.Bytes()
}

// bytesOf is a payload of which no two parts are alike.
func bytesOf(n int) gopacket.Payload {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestSendersOfLongPacketsAreTold(t *testing.T) {
	df := func(options ...layers.IPv4Option) *layers.IPv4 {
		ip := ipv4(layers.IPProtocolUDP, options...)
		ip.Flags = layers.IPv4DontFragment
		return ip
	}
	option := layers.IPv4Option{OptionType: 130, OptionLength: 40, OptionData: make([]byte, 38)}
	for _, limit := range []int{100, 1000, 1280} {
		for name, c := range map[string]struct {
			ip    gopacket.SerializableLayer
			size  int // of the payload
			quote int
		}{
			"IPv4, full":               {df(), 1472, quote4},
			"IPv4, with options":       {df(option), 1400, quote4},
			"IPv4, the least one more": {df(), limit + 1 - 28, min(max((limit+1)/quote4, 0), 1)*(quote4-shortQuote) + shortQuote},
			"IPv4, an odd length":      {df(), 1301 - 28, quote4},
			"IPv6, full":               {ipv6(layers.IPProtocolUDP), 1452, quote6},
			"IPv6, the least one more": {ipv6(layers.IPProtocolUDP), limit + 1 - 48, min(max((limit+1)/quote6, 0), 1)*(quote6-shortQuote) + shortQuote},
			"IPv4, just fits":          {df(), limit - 28, 0},
			"IPv6, just fits":          {ipv6(layers.IPProtocolUDP), limit - 48, 0},
			"IPv4, may be fragmented":  {ipv4(layers.IPProtocolUDP), 1472, 0},
			"IPv4, fits, with options": {df(option), limit - 68, 0},
		} {
			t.Run(fmt.Sprintf("MTU %d, %s", limit, name), func(t *testing.T) {
				l := newLab(t, ", delay: 1ms", fmt.Sprintf("name: narrow, from: a, do: {mtu: %d}", limit))
				s := l.packetSocket(t)
				udp := &layers.UDP{SrcPort: 1000, DstPort: 9}
				require.NoError(t, udp.SetNetworkLayerForChecksum(c.ip.(gopacket.NetworkLayer)))
				sent := l.frame(t, c.ip, udp, bytesOf(c.size))
				s.send(t, sent)
				got := s.receive(t)
				r, because := l.receipts(t)
				if c.quote == 0 {
					require.EqualValues(t, 0, r[0].Chosen)
					require.Len(t, because, 1)
					require.Contains(t, because[0],
						fmt.Sprintf("the fault never acted: of 1 packets that matched, none was chosen that is longer than %d bytes",
							limit))
					return
				}
				require.Empty(t, because)
				require.Equal(t, []int64{1, 1, 1, 1}, []int64{r[0].Matched, r[0].Chosen, r[0].Delivered, r[0].Messages})
				requireMessage(t, l, got, sent[etherHeader:], limit, c.quote)
			})
		}
	}
}

// requireMessage checks every byte of a message: gopacket makes the same from what it ought to be.
func requireMessage(t *testing.T, l *lab, got, packet []byte, limit, quote int) {
	t.Helper()
	ends := l.links[0].Ends
	e := &layers.Ethernet{SrcMAC: ends[1].MAC, DstMAC: ends[0].MAC}
	var list []gopacket.SerializableLayer
	if packet[0]>>4 == 4 {
		e.EthernetType = layers.EthernetTypeIPv4
		list = append(list, e,
			&layers.IPv4{Version: 4, TOS: 0xc0, TTL: 64, Protocol: layers.IPProtocolICMPv4,
				SrcIP: ends[1].Addr4.Addr().AsSlice(), DstIP: ends[0].Addr4.Addr().AsSlice()},
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: uint16(limit)})
	} else {
		e.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolICMPv6,
			SrcIP: ends[1].Addr6.Addr().AsSlice(), DstIP: ends[0].Addr6.Addr().AsSlice()}
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(2, 0)}
		require.NoError(t, icmp.SetNetworkLayerForChecksum(ip))
		list = append(list, e, ip, icmp, gopacket.Payload(binary.BigEndian.AppendUint32(nil, uint32(limit))))
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		append(list, gopacket.Payload(packet[:quote]))...))
	require.Equal(t, b.Bytes(), got)
}

// Errors are not answered, nor later fragments: RFC 1122, 3.2.2, and RFC 4443, 2.4.
func TestNoMessageAboutErrorsAndLaterFragments(t *testing.T) {
	v4 := func(proto layers.IPProtocol, offset uint16) *layers.IPv4 {
		ip := ipv4(proto)
		ip.Flags, ip.FragOffset = layers.IPv4DontFragment, offset
		return ip
	}
	icmp4 := func(kind uint8) *layers.ICMPv4 { return &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0)} }
	icmp6 := func(kind uint8) gopacket.Payload { return []byte{kind, 0, 0, 0, 0, 0, 0, 0} }
	const I, U, I6 = layers.IPProtocolICMPv4, layers.IPProtocolUDP, layers.IPProtocolICMPv6
	for name, c := range map[string]struct {
		list []gopacket.SerializableLayer
		told bool
	}{
		"echo":                     {[]gopacket.SerializableLayer{v4(I, 0), icmp4(8)}, true},
		"unreachable":              {[]gopacket.SerializableLayer{v4(I, 0), icmp4(3)}, false},
		"time exceeded":            {[]gopacket.SerializableLayer{v4(I, 0), icmp4(11)}, false},
		"a first fragment with DF": {[]gopacket.SerializableLayer{v4(U, 0)}, true},
		"a later fragment with DF": {[]gopacket.SerializableLayer{v4(U, 100)}, false},
		"IPv6 echo":                {[]gopacket.SerializableLayer{ipv6(I6), icmp6(128)}, true},
		"IPv6 unreachable":         {[]gopacket.SerializableLayer{ipv6(I6), icmp6(1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "", "name: narrow, from: a, do: {mtu: 1000}")
			s := l.packetSocket(t)
			s.send(t, l.frame(t, append(c.list, bytesOf(1200))...))
			got := s.receive(t)
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.EqualValues(t, 1, r[0].Delivered)
			require.Equal(t, c.told, got != nil)
			require.Equal(t, c.told, r[0].Messages == 1)
		})
	}
}

func TestFragmentsWithoutDFPass(t *testing.T) {
	l := newLab(t, "", "name: narrow, from: a, do: {mtu: 1000}")
	d := l.datagrams(t, false)
	require.NoError(t, unix.SetsockoptInt(d.from, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT))
	_, err := unix.Write(d.from, make([]byte, 5000)) // four fragments, three of them full
	require.NoError(t, err)
	r, because := l.receipts(t)
	require.EqualValues(t, 4, r[0].Matched)
	require.Zero(t, r[0].Delivered)
	require.Len(t, because, 1)
	n, err := unix.Read(d.to, make([]byte, 6000))
	require.NoError(t, err)
	require.Equal(t, 5000, n)
}

// Path MTU discovery finds out by the messages; without, only probing does (RFC 4821); and without that the path
// is a black hole.
func TestPathMTUDiscovery(t *testing.T) {
	const size = 200_000
	for _, ipv6 := range []bool{false, true} {
		for name, c := range map[string]struct {
			do       string
			probing  string
			complete bool
		}{
			"told":                 {"{mtu: 1300}", "0", true},
			"not told":             {"{mtu: 1300, silent: true}", "0", false},
			"not told, but probes": {"{mtu: 1300, silent: true}", "1", true},
		} {
			t.Run(fmt.Sprintf("%s, IPv6 %t", name, ipv6), func(t *testing.T) {
				l := installLab(t, Capture{},
					"version: 1\nname: lab\nduration: 10s\nnodes: {a: {}, b: {sysctls: {net.ipv4.tcp_mtu_probing: "+c.probing+"}}}\n"+
						"links: [{between: [a, b], delay: 1ms}]\nfaults: [{name: narrow, link: [a, b], from: b, do: "+c.do+"}]\n")
				require.NoError(t, l.Arm(clock(t), labSeed))
				s := l.connect(t, ipv6)
				sent := make(chan error, 1)
				go func() {
					_, err := s.b.Write(make([]byte, size))
					sent <- err
				}()
				require.NoError(t, s.a.SetReadDeadline(time.Now().Add(20*time.Second)))
				got := 0
				for b := make([]byte, 64<<10); got < size; {
					n, err := s.a.Read(b)
					got += n
					if err != nil {
						break
					}
				}
				require.Equal(t, c.complete, got == size, "%d of %d bytes", got, size)
				r, because := l.receipts(t)
				require.Empty(t, because)
				require.Positive(t, r[0].Delivered)
				require.Equal(t, r[0].Chosen, r[0].Delivered)
				counters := l.counters(t, "b")
				if strings.HasPrefix(name, "told") {
					require.Positive(t, r[0].Messages)
					require.Equal(t, r[0].Chosen, r[0].Messages)
					control(t, s.b, func(fd int) error {
						info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
						require.EqualValues(t, 1300, info.Pmtu)
						return err
					})
					told, wrong := "Icmp.InDestUnreachs", "Icmp.InCsumErrors"
					if ipv6 {
						told, wrong = "Icmp6.Icmp6InPktTooBigs", "Icmp6.Icmp6InCsumErrors"
					}
					require.Equal(t, r[0].Messages, counters[told], "%v", counters)
					require.Zero(t, counters[wrong])
				} else {
					require.Zero(t, r[0].Messages)
					require.Equal(t, c.complete, counters["TcpExt.TCPMTUPSuccess"] > 0)
				}
				require.NoError(t, s.b.SetWriteDeadline(time.Now()))
				<-sent
			})
		}
	}
}

// counters reads a node's counters.
func (l *lab) counters(t *testing.T, node string) map[string]int64 {
	t.Helper()
	all := make(map[string]int64)
	require.NoError(t, l.network.Node(node).Do(func() error {
		for _, file := range []string{"snmp", "netstat"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			lines := strings.Split(string(b), "\n")
			for i := 0; i+1 < len(lines); i += 2 {
				names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
				for j := 1; j < len(names); j++ {
					var n int64
					fmt.Sscan(values[j], &n)
					all[strings.TrimSuffix(names[0], ":")+"."+names[j]] = n
				}
			}
		}
		b, err := os.ReadFile("/proc/thread-self/net/snmp6")
		for _, line := range strings.Split(string(bytes.TrimSpace(b)), "\n") {
			var name string
			var n int64
			fmt.Sscan(line, &name, &n)
			all["Icmp6."+name] = n
		}
		return err
	}))
	return all
}

// A path of two ways, one of which is narrow: only what takes that one is lost.
func TestNarrowForSomePackets(t *testing.T) {
	l := newLab(t, "", "name: narrow, from: a, select: {chance: 50%}, do: {mtu: 1000}")
	d := l.datagrams(t, false)
	// DF, whatever was heard
	require.NoError(t, unix.SetsockoptInt(d.from, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE))
	const n = 200
	for i := range n {
		_, err := unix.Write(d.from, make([]byte, []int{100, 1200}[i%2]))
		if err != unix.EMSGSIZE { // the error that the message before left
			require.NoError(t, err)
			continue
		}
		_, err = unix.Write(d.from, make([]byte, []int{100, 1200}[i%2]))
		require.NoError(t, err)
	}
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, n, r[0].Matched)
	require.Greater(t, r[0].Chosen, int64(20))
	require.Less(t, r[0].Chosen, int64(80))
	require.Equal(t, r[0].Chosen, r[0].Messages)
	require.Empty(t, r[0].Interval)
	require.Len(t, r[0].Times, min(int(r[0].Chosen), mostTimes))
}

// Both directions at once: messages of one are not mistaken for packets of the other.
func TestNarrowInBothDirections(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %t", ipv6), func(t *testing.T) {
			l := newLab(t, ", delay: 1ms", "name: narrow, do: {mtu: 1300}", "name: all, do: watch")
			s := l.connect(t, ipv6)
			s.talk(t, 100_000)
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Greater(t, r[0].Messages, int64(1))
			require.Equal(t, r[0].Chosen, r[0].Messages)
			require.Equal(t, r[0].In-r[0].Delivered+r[0].Messages, r[0].Out)
			require.Equal(t, r[0].Out, r[1].Matched, "the next fault sees messages as packets like any others")
		})
	}
}
