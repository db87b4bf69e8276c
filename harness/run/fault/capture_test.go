package fault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/capture"
)

// events reads the ring of the lab's link.
func (l *lab) events(t *testing.T) (list []capture.Event, wire capture.Wire) {
	t.Helper()
	taken, rings, err := l.Captured(1)
	require.NoError(t, err)
	require.Len(t, rings, 1)
	require.EqualValues(t, 1, taken.Begin)
	require.NoError(t, rings[0].Content(func(b []byte) error {
		r := capture.NewReader(bytes.NewReader(b))
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			require.NoError(t, err)
			e.Data = bytes.Clone(e.Data)
			list = append(list, e)
		}
	}))
	return list, taken.Wires[0]
}

// seenAt are the events of a point.
func seenAt(list []capture.Event, point int) (out []capture.Event) {
	for _, e := range list {
		if e.Point == point {
			out = append(out, e)
		}
	}
	return out
}

func ids(list []capture.Event) (out []uint32) {
	for _, e := range list {
		out = append(out, e.ID)
	}
	return out
}

const (
	sentByA, receivedByB, firstFault, secondFault = 0, 1, 2, 3 // points
)

func TestEveryPacketIsCapturedAtEveryPoint(t *testing.T) {
	const n = 500
	l := buildCapturingLab(t, Capture{Snap: 128, Memory: 1 << 20}, ", delay: 1ms",
		"name: dup, from: a, do: {duplicate: 2}, select: {chance: 20%}",
		"name: loss, from: a, do: {drop: true}, select: {chance: 30%}")
	require.NoError(t, l.Arm(clock(t), labSeed))
	d := l.datagrams(t, false)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	list, wire := l.events(t)
	require.Equal(t, []int64{n, r[1].Out, r[0].Chosen, r[1].Chosen, 0, 0}, wire.Seen)
	require.Equal(t, []int64{0, 0, 0, 0, 0, 0}, wire.Lost)

	sent := seenAt(list, sentByA)
	require.Len(t, sent, n)
	for i, e := range sent {
		require.EqualValues(t, i+1, e.ID)
		require.Equal(t, 14+20+8+4, e.Length)
		udp := gopacket.NewPacket(e.Data, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
		require.Equal(t, []byte{0, 0, byte(i >> 8), byte(i)}, udp.Payload)
	}
	// The second fault sees copies as packets of their own, with the number of the original.
	var dup []uint32
	for i := range n {
		if decide("dup", .2).chosen(d.flow, uint64(i)) {
			dup = append(dup, uint32(i+1))
		}
	}
	require.Equal(t, dup, ids(seenAt(list, firstFault)))
	behind, _ := copied(upTo(n), d.flow, decide("dup", .2), 2)
	var lost []uint32
	for i, number := range behind {
		if decide("loss", .3).chosen(d.flow, uint64(i)) {
			lost = append(lost, uint32(number+1))
		}
	}
	require.Equal(t, lost, ids(seenAt(list, secondFault)))

	received := seenAt(list, receivedByB)
	arrived := d.received(t)
	require.Len(t, received, len(arrived))
	for i, e := range received {
		require.EqualValues(t, arrived[i], int(e.Data[44])<<8|int(e.Data[45]))
	}
	for i := 1; i < len(list); i++ {
		require.GreaterOrEqual(t, list[i].Time, list[i-1].Time)
	}
}

func TestASnapLengthCutsPackets(t *testing.T) {
	for _, c := range []struct{ snap, kept, small int }{{64, 64, 46}, {600, 600, 46}, {capture.Whole, 1514, 46}} {
		l := buildCapturingLab(t, Capture{Snap: c.snap, Memory: 1 << 20}, "", "name: all, from: b, do: watch")
		require.NoError(t, l.Arm(clock(t), labSeed))
		l.transfer(t, 30_000, false)
		_, because := l.receipts(t)
		require.Empty(t, because)
		list, _ := l.events(t)
		full := 0
		for _, e := range list {
			require.Len(t, e.Data, min(e.Length, c.kept))
			if e.Length == 1514 {
				full++
			}
		}
		require.Greater(t, full, 30)
	}
}

// A ring that is full keeps the first packets, without a gap, and counts the others at their points.
func TestAFullRingKeepsTheFirstPackets(t *testing.T) {
	const n = 3000
	l := buildCapturingLab(t, Capture{Snap: 128, Memory: 1 << 10}, "",
		"name: some, from: a, do: watch, select: {chance: 10%}")
	require.NoError(t, l.Arm(clock(t), labSeed))
	d := l.datagrams(t, false)
	d.send(t, n)
	_, because := l.receipts(t)
	require.Empty(t, because)
	require.Len(t, d.received(t), n, "the packets themselves do not mind")
	list, wire := l.events(t)
	require.EqualValues(t, minRing, wire.Room)
	sent := seenAt(list, sentByA)
	for i, e := range sent {
		require.EqualValues(t, i+1, e.ID)
	}
	require.EqualValues(t, n-len(sent), wire.Lost[sentByA])
	require.EqualValues(t, n-len(seenAt(list, receivedByB)), wire.Lost[receivedByB])
	require.Equal(t, wire.Seen[firstFault], wire.Lost[firstFault]+int64(len(seenAt(list, firstFault))))
	require.Greater(t, len(sent), 200)
	require.Positive(t, wire.Lost[firstFault])
}

// What was forged was sent by no node, and is captured where it was made up.
func TestForgedSegmentsAreCaptured(t *testing.T) {
	l := capturingInjectionLab(t, Capture{Snap: 128, Memory: 1 << 20}, true,
		"segments: [{to: b, flags: psh+ack, payload: 7B}, {to: a, payload: 100B, count: 2}]")
	s := l.connect(t, false)
	s.talk(t, 5)
	l.inject(t)
	r, because := l.receipts(t)
	require.Empty(t, because)
	list, wire := l.events(t)
	require.Equal(t, r[0].In, wire.Seen[0]+wire.Seen[3])
	require.Equal(t, r[0].Out, wire.Seen[1]+wire.Seen[4])
	require.Equal(t, r[0].In+3, r[0].Out)
	toB, toA := seenAt(list, firstFault), seenAt(list, 5)
	require.Len(t, toB, 1)
	require.Equal(t, 14+20+32+7, toB[0].Length)
	require.Len(t, toA, 2)
	for _, e := range toA {
		require.Equal(t, 14+20+32+100, e.Length)
		require.Len(t, e.Data, 128)
	}
	for _, e := range append(toA, toB...) {
		require.True(t, e.Forged)
		require.Zero(t, e.ID, "nobody sent it")
	}
}

// Whatever a fault does, its program takes a tap, and all that it touches is captured.
func TestEveryActionIsCaptured(t *testing.T) {
	for name, do := range map[string]string{
		"drop": "drop", "delay": "{delay: 2ms, jitter: 1ms}",
		"distribution": "{delay: 2ms, jitter: 1ms, distribution: normal}",
		"delays":       "{delays: [1ms, 2ms]}", "reorder": "{reorder: 2ms}", "duplicate": "{duplicate: 2}",
		"corrupt": "corrupt",
		"rate":    "{rate: 10mbit}", "slot": "{slot: {min: 1ms}}", "loss": "{loss: {random: 50%}}",
		"mtu": "{mtu: 100}", "mtu, silent": "{mtu: 100, silent: true}",
	} {
		for _, c := range []struct{ from, selected string }{{"", "{chance: 50%}"}, {"from: a, ", "{packets: udp}"}} {
			t.Run(name+", "+c.from+c.selected, func(t *testing.T) {
				l := buildCapturingLab(t, Capture{Snap: 128, Memory: 1 << 20}, "",
					"name: fault, "+c.from+"select: "+c.selected+", do: "+do)
				require.NoError(t, l.Arm(clock(t), labSeed))
				d := l.datagrams(t, false)
				// DF, and nothing learnt
				require.NoError(t, unix.SetsockoptInt(d.from, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE))
				for range 50 {
					if _, err := unix.Write(d.from, make([]byte, 200)); err != unix.EMSGSIZE { // the news of the one before
						require.NoError(t, err)
					}
				}
				r, _ := l.receipts(t) // the other direction may have nothing to act on
				list, wire := l.events(t)
				require.Positive(t, r[0].Chosen)
				var touched int64
				for i, point := range capture.Points(l.scenario, 0) {
					require.EqualValues(t, wire.Seen[i], len(seenAt(list, i)), point.Name())
					if point.Kind == capture.Touched {
						touched += wire.Seen[i]
					}
				}
				require.Equal(t, r[0].Chosen+r[0].Messages, touched)
				forged := 0
				for _, e := range list {
					if e.Forged {
						forged++
						require.Zero(t, e.ID)
					}
				}
				require.EqualValues(t, r[0].Messages, forged)
			})
		}
	}
}

func TestNothingIsCapturedUnasked(t *testing.T) {
	l := newLab(t, "", "name: all, from: b, do: watch")
	taken, rings, err := l.Captured(0)
	require.NoError(t, err)
	require.Nil(t, taken)
	require.Empty(t, rings)
}

// What a packet costs on a link with a fault that touches one in ten, in the guest's time: 2 ns are one instruction.
//
//	go test -run "^$" -bench Capture -benchtime 20000x ./harness/run/fault
func BenchmarkCapture(b *testing.B) {
	for _, c := range []struct {
		name string
		snap int
	}{{"off", 0}, {"128 bytes", 128}, {"whole", capture.Whole}} {
		for _, size := range []int{4, 1400} {
			b.Run(fmt.Sprintf("%s, datagrams of %d bytes", c.name, size), func(b *testing.B) {
				l := buildCapturingLab(b, Capture{Snap: c.snap, Memory: 128 << 20}, "",
					"name: eye, from: a, do: watch, select: {chance: 10%}")
				require.NoError(b, l.Arm(clock(b), labSeed))
				d := l.datagrams(b, false)
				datagram := make([]byte, size)
				for b.Loop() {
					_, err := unix.Write(d.from, datagram)
					require.NoError(b, err)
				}
			})
		}
	}
}
