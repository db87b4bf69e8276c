package packet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

const text = `
version: 1
name: x
duration: 1s
nodes:
  client: {}
  web: {service: {php: {workers: 1, request: {cpu: 1ms, response: 1kB}}}}
links:
  - {between: [client, web], delay: 5ms}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 1/s, timeout: 1s}}
faults:
  - {name: copies, link: [client, web], from: client, select: {packets: pure-ack}, do: {duplicate: 1}}
`

// Points, by their numbers in the scenario.
const (
	clientSends = iota
	webReceives
	copiesActs
	webSends
	clientReceives
)

// talk writes the capture of one link.
type talk struct {
	t      *testing.T
	dir    string
	w      *pcapgo.NgWriter
	points []capture.Point
	at     time.Duration
	port   layers.TCPPort
	isn    [2]uint32 // of client and web
	id     uint16    // of IP
	stamp  byte
	note   string
}

// begin opens a capture. The run's own numbers are made of the run: ports, first numbers, identifications, timestamps.
func begin(t *testing.T, run uint32) *talk {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(text), nil)
	require.NoError(t, err)
	k := &talk{t: t, dir: t.TempDir(), points: capture.Points(s, 0), port: layers.TCPPort(30000 + run),
		isn: [2]uint32{1000 * run, 0xffffff00 + run}, id: uint16(7 * run), stamp: byte(run)}
	f, err := os.Create(filepath.Join(k.dir, pcapng.FileNames(s)[0]))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	for i := range k.points {
		face := pcapgo.NgInterface{Name: k.points[i].Name(), LinkType: layers.LinkTypeEthernet, SnapLength: 128}
		if i == 0 {
			k.w, err = pcapgo.NewNgWriterInterface(f, face, pcapgo.DefaultNgWriterOptions)
		} else {
			_, err = k.w.AddInterface(face)
		}
		require.NoError(t, err)
	}
	return k
}

// side ends the capture.
func (k *talk) side() Side {
	k.t.Helper()
	require.NoError(k.t, k.w.Flush())
	s, err := scenario.Parse("x.yaml", []byte(text), nil)
	require.NoError(k.t, err)
	return Side{Dir: k.dir, Scenario: s}
}

// frame writes a frame at a point.
func (k *talk) frame(point int, data []byte) {
	k.t.Helper()
	var o pcapgo.NgPacketOptions
	if k.note != "" {
		o.Comments = []string{k.note}
	}
	kept := data[:min(len(data), 128)]
	require.NoError(k.t, k.w.WritePacketWithOptions(gopacket.CaptureInfo{Timestamp: pcapng.Epoch.Add(k.at),
		CaptureLength: len(kept), Length: len(data), InterfaceIndex: point}, kept, o))
	k.at += 100 * time.Microsecond
}

// tcp writes a segment with n bytes at a point. Numbers are relative.
func (k *talk) tcp(point int, flags uint16, seq, ack uint32, n int, change ...func(*layers.IPv4, *layers.TCP)) {
	k.t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{10, 0, 0, 1},
		DstIP: []byte{10, 0, 0, 2}, Id: k.id, Flags: layers.IPv4DontFragment}
	k.id++
	own, other := k.isn[0], k.isn[1]
	t := &layers.TCP{SrcPort: k.port, DstPort: 80, Window: 500}
	if k.points[point].From == "web" {
		own, other = other, own
		ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
		t.SrcPort, t.DstPort = t.DstPort, t.SrcPort
	}
	for i, flag := range []*bool{&t.FIN, &t.SYN, &t.RST, &t.PSH, &t.ACK, &t.URG, &t.ECE, &t.CWR, &t.NS} {
		*flag = flags&(1<<i) != 0
	}
	t.Seq = own + seq
	if t.ACK {
		t.Ack = other + ack
	}
	k.stamp++
	t.Options = append(t.Options, layers.TCPOption{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10,
		OptionData: []byte{k.stamp, 1, 2, 3, 4, 5, 6, k.stamp}})
	for _, c := range change {
		c(ip, t)
	}
	require.NoError(k.t, t.SetNetworkLayerForChecksum(ip))
	k.frame(point, serialized(k.t, ip, t, gopacket.Payload(make([]byte, n))))
}

func serialized(t *testing.T, list ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	kind := layers.EthernetTypeIPv4
	if _, ok := list[0].(*layers.IPv6); ok {
		kind = layers.EthernetTypeIPv6
	}
	list = append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6),
		EthernetType: kind}}, list...)
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		list...))
	return b.Bytes()
}

// hello is the handshake and a request, at the points where they are sent.
func (k *talk) hello() {
	k.t.Helper()
	k.tcp(clientSends, syn, 0, 0, 0)
	k.tcp(webSends, syn|ack, 0, 1, 0)
	k.tcp(clientSends, ack, 1, 1, 0)
	k.tcp(clientSends, psh|ack, 1, 1, 99)
}

// rest is what follows what a test is about, so that it is not at the end.
func (k *talk) rest() Side {
	k.t.Helper()
	k.at += time.Second
	k.tcp(webSends, fin|ack, 5000, 100, 0)
	return k.side()
}
