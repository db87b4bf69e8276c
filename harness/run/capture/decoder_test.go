package capture_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// classes of packets, all that there are.
var classes = []scenario.Packets{
	scenario.AnyPacket, scenario.TCPPacket, scenario.UDPPacket, scenario.ICMPPacket, scenario.Fragment,
	scenario.DataSegment,
	scenario.PureACK, scenario.DupACK, scenario.SYN, scenario.SYNACK, scenario.FIN, scenario.RST,
}

// identity of a flow, as docs/architecture/faults.md lays it out.
type identity [40]byte

// decoded is what gopacket makes of a packet.
type decoded struct {
	is   map[scenario.Packets]bool
	flow identity
	ack  string // of a pure ACK: what it would have in common with a repetition
}

// decode is the judge of the selectors: by gopacket, and by the words of package scenario.
func decode(b []byte) decoded {
	d := decoded{is: map[scenario.Packets]bool{}}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
	switch n := p.NetworkLayer().(type) {
	case *layers.IPv4:
		copy(d.flow[0:], n.SrcIP)
		copy(d.flow[16:], n.DstIP)
		d.flow[36], d.flow[37] = byte(n.Protocol), 4
		d.is[scenario.Fragment] = n.Flags&layers.IPv4MoreFragments != 0 || n.FragOffset != 0
	case *layers.IPv6:
		copy(d.flow[0:], n.SrcIP)
		copy(d.flow[16:], n.DstIP)
		d.flow[37] = 6
		d.flow[36] = byte(last(p, n))
		d.is[scenario.Fragment] = p.Layer(layers.LayerTypeIPv6Fragment) != nil // no atomic ones are sent here
	default:
		return d
	}
	d.is[scenario.AnyPacket] = true
	if d.is[scenario.Fragment] {
		return d
	}
	d.is[scenario.ICMPPacket] = p.Layer(layers.LayerTypeICMPv4) != nil || p.Layer(layers.LayerTypeICMPv6) != nil
	switch s := p.TransportLayer().(type) {
	case *layers.UDP:
		d.is[scenario.UDPPacket] = true
		binary.BigEndian.PutUint16(d.flow[32:], uint16(s.SrcPort))
		binary.BigEndian.PutUint16(d.flow[34:], uint16(s.DstPort))
	case *layers.TCP:
		binary.BigEndian.PutUint16(d.flow[32:], uint16(s.SrcPort))
		binary.BigEndian.PutUint16(d.flow[34:], uint16(s.DstPort))
		d.is[scenario.TCPPacket] = true
		d.is[scenario.DataSegment] = len(s.Payload) > 0
		d.is[scenario.PureACK] = s.ACK && !s.SYN && !s.FIN && !s.RST && len(s.Payload) == 0
		d.is[scenario.SYN] = s.SYN && !s.ACK
		d.is[scenario.SYNACK] = s.SYN && s.ACK
		d.is[scenario.FIN] = s.FIN
		d.is[scenario.RST] = s.RST
		if d.is[scenario.PureACK] {
			b := binary.BigEndian.AppendUint32(nil, s.Seq)
			b = binary.BigEndian.AppendUint32(b, s.Ack)
			d.ack = string(binary.BigEndian.AppendUint16(b, s.Window))
		}
	}
	return d
}

// last is the protocol after all extension headers.
func last(p gopacket.Packet, n *layers.IPv6) layers.IPProtocol {
	next := n.NextHeader
	for _, l := range p.Layers() {
		switch x := l.(type) {
		case *layers.IPv6HopByHop:
			next = x.NextHeader
		case *layers.IPv6Destination:
			next = x.NextHeader
		case *layers.IPv6Fragment:
			next = x.NextHeader
		}
	}
	return next
}

// judge goes through the packets of one direction in the order in which they were sent.
type judge struct {
	acks map[identity]string // the last pure ACK of each flow
}

func (j *judge) look(b []byte) decoded {
	d := decode(b)
	if d.is[scenario.PureACK] {
		before, known := j.acks[d.flow]
		d.is[scenario.DupACK] = known && before == d.ack
		j.acks[d.flow] = d.ack
	}
	return d
}

// lot draws as docs/architecture/faults.md says under "The hash", written again from there.
type lot struct {
	key    uint64
	chance float64
	counts map[identity]uint64
}

func newLot(seed uint64, fault string, chance float64) *lot {
	h := sha256.New()
	h.Write([]byte("ruleout/fault/1\x00"))
	_ = binary.Write(h, binary.LittleEndian, seed)
	_, _ = io.WriteString(h, fault)
	return &lot{binary.LittleEndian.Uint64(h.Sum(nil)), chance, map[identity]uint64{}}
}

// draw says whether the flow's next matching packet is chosen.
func (l *lot) draw(f identity) bool {
	mix := func(x uint64) uint64 {
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
		x *= 0x94d049bb133111eb
		return x ^ x>>31
	}
	state := l.key
	for i := 0; i < 40; i += 8 {
		state = mix(state ^ binary.LittleEndian.Uint64(f[i:]))
	}
	l.counts[f]++
	return l.chance >= 1 || float64(mix(state+l.counts[f]*0x9e3779b97f4a7c15)) < l.chance*(1<<64)
}

// sighting is a packet of a file.
type sighting struct {
	id       uint64
	data     []byte
	comments []string
}

// readFile reads a capture by gopacket, and returns what each interface saw, by its name.
func readFile(t *testing.T, path string) map[string][]sighting {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	require.NoError(t, err)
	seen := map[string][]sighting{}
	for {
		data, ci, o, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		face, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		s := sighting{data: data, comments: o.Comments}
		if o.PacketID != nil {
			s.id = *o.PacketID
		}
		seen[face.Name] = append(seen[face.Name], s)
	}
	return seen
}
