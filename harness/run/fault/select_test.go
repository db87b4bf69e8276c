package fault

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Ordinals, bursts and times on a real link: which datagrams are lost is known beforehand.
func TestOrdinalsChooseExactly(t *testing.T) {
	const n = 40
	for choose, gone := range map[string][]int{
		"nth: 7":                      {6},
		"every: 10":                   {9, 19, 29, 39},
		"first: 3":                    {0, 1, 2},
		"every: 10, first: 25":        {9, 19},
		"every: 15, burst: 3":         {14, 15, 16, 29, 30, 31},
		"nth: 39, burst: 4":           {38, 39},
		"nth: 5, per: link, burst: 2": {4, 5},
		"port: 2000, nth: 2":          {1},
		"ordinals: [3, 4, 17]":        {2, 3, 16},
		"ordinals: [1, 40, 41], per: link, burst: 2": {0, 1, 39},
	} {
		t.Run(choose, func(t *testing.T) {
			text := "version: 1\nname: lab\nduration: 10s\nnodes: {a: {}, b: {service: {sql: {port: 2000}}}}\n" +
				"links: [{between: [a, b], delay: 1ms}]\n" +
				"faults: [{name: loss, link: [a, b], from: a, do: drop, select: {" + choose + "}}]\n"
			l := installLab(t, Capture{}, text)
			start := clock(t)
			require.NoError(t, l.Arm(start, labSeed))
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			lost := []int{}
			got := d.received(t)
			for i := range n {
				if len(got) > 0 && got[0] == i {
					got = got[1:]
				} else {
					lost = append(lost, i)
				}
			}
			require.Equal(t, gone, lost)
			require.EqualValues(t, len(gone), r[0].Chosen)
			require.Empty(t, r[0].Interval, "nothing was left to chance")
			require.Len(t, r[0].Times, len(gone))
			require.IsIncreasing(t, append(r[0].Times, time.Duration(clock(t)-start).Seconds()))
			require.Positive(t, r[0].Times[0])
			require.Equal(t, map[string]int64{"pure-ack": 0, "data": 0, "syn": 0, "tcp": 0, "other": int64(len(gone))},
				r[0].Kinds)
		})
	}
}

// A burst's receipt counts the draws that hit, and its interval is theirs.
func TestBurstsOfChance(t *testing.T) {
	const n = 3000
	l := newLab(t, ", delay: 1ms", "name: loss, from: a, do: drop, select: {chance: 5%, burst: 4}")
	d := l.datagrams(t, false)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	decision := decide("loss", .05)
	decision.burst = 4
	want := decision.count(decision.start(d.flow), n, 0)
	require.Equal(t, want.chosen, r[0].Chosen)
	require.Equal(t, want.hits, r[0].Hits)
	require.Greater(t, r[0].Chosen, 3*r[0].Hits)
	lo, hi := binomialInterval(n, .05)
	require.Equal(t, []int64{lo, hi}, r[0].Interval)
	require.GreaterOrEqual(t, r[0].Hits, lo)
	require.LessOrEqual(t, r[0].Hits, hi)
	left, _ := dropped(upTo(n), d.flow, decision)
	require.Equal(t, left, d.received(t))
}

// A fault that comes and goes loses what is sent while it acts, to the microsecond.
func TestAFaultComesAndGoes(t *testing.T) {
	awaitQuiet(t)
	l := buildLab(t, "", "name: loss, from: a, do: drop, at: 10ms, for: 4ms, every: 10ms, times: 3")
	start := clock(t) + 5_000_000
	require.NoError(t, l.Arm(start, labSeed))
	d := l.datagrams(t, false)
	var lost, want []int
	for i := range 60 { // one each millisecond, in its first half: the machine may wake a little late
		at := start + int64(i)*1_000_000 + 250_000
		await(t, at)
		_, err := unix.Write(d.from, binary.BigEndian.AppendUint32(nil, uint32(i)))
		require.NoError(t, err)
		if i >= 10 && i < 40 && i%10 < 4 {
			want = append(want, i)
		}
	}
	r, because := l.receipts(t)
	require.Empty(t, because)
	seen := map[int]bool{}
	for _, i := range d.received(t) {
		seen[i] = true
	}
	for i := range 60 {
		if !seen[i] {
			lost = append(lost, i)
		}
	}
	require.Equal(t, want, lost)
	require.Len(t, r[0].Times, 12)
	for i, at := range r[0].Times {
		require.InDelta(t, float64(want[i])*1e-3+.5e-3, at, .5e-3)
	}
}

// Faults of both directions note the times of both, in order.
func TestTimesOfBothDirections(t *testing.T) {
	l := newLab(t, "", "name: eye, do: watch")
	d := l.datagrams(t, false)
	back := d.reversed()
	for range 20 {
		d.send(t, 1)
		back.send(t, 1)
	}
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.Len(t, r[0].Times, mostTimes, "of 40")
	require.IsIncreasing(t, r[0].Times)
	require.Empty(t, r[0].Kinds, "a fault of all packets does not look at them")
}

// Packets whose headers are not in their linear part, as a packet socket's ring sends them: 14 bytes
// are, and the rest is in pages.
func TestHeadersMayLieInPages(t *testing.T) {
	const n = 30
	l := newLab(t, "", "name: acks, from: a, do: drop, select: {packets: pure-ack, every: 3}",
		"name: data, from: a, do: watch, select: {packets: data, chance: 50%}")
	var fd, index int
	require.NoError(t, l.network.Node("a").Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(fd)
	index = l.links[0].Ends[0].Index
	const size, header = 2048, 32 // of a frame of the ring, and of its header: TPACKET_ALIGN(sizeof(struct tpacket2_hdr))
	require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2))
	require.NoError(t, unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_TX_RING,
		&unix.TpacketReq{Block_size: 4096, Block_nr: n, Frame_size: size, Frame_nr: 2 * n}))
	ring, err := unix.Mmap(fd, 0, 2*n*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	defer unix.Munmap(ring)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: index}))
	v4, tcp4 := layers.EthernetTypeIPv4, layers.IPProtocolTCP
	for i := range 2 * n {
		f := frame(t, ether(v4), ipv4(tcp4), tcp("A", sack(2)...))
		if i%2 == 1 {
			f = frame(t, ether(v4), ipv4(tcp4), tcp("PA", timestamps()...), gopacket.Payload(make([]byte, 100)))
		}
		slot := ring[i*size:]
		copy(slot[header:], f)
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
		h.Len, h.Status = uint32(len(f)), unix.TP_STATUS_SEND_REQUEST
	}
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), 0, 0, 0, 0, 0)
	require.Zero(t, errno)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, []int64{n, n / 3}, []int64{r[0].Matched, r[0].Chosen}, fmt.Sprint(r[0]))
	require.EqualValues(t, n, r[1].Matched)
}
