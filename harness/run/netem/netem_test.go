package netem

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink/nl"
	"pgregory.net/rapid"
)

// golden returns the messages of testdata/tc.txt by the words after "tc qdisc add dev v0 ".
func golden(t *testing.T) map[string][]byte {
	b, err := os.ReadFile("testdata/tc.txt")
	require.NoError(t, err)
	messages := map[string][]byte{}
	var command string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(line, "tc qdisc add dev v0 "); ok {
			command = c
		} else if !strings.HasPrefix(line, "#") {
			m, err := hex.DecodeString(line)
			require.NoError(t, err, command)
			messages[command] = m
		}
	}
	return messages
}

const (
	ms = time.Millisecond
	us = time.Microsecond
)

func mbit(n uint64) *Rate { return &Rate{BytesPerSecond: n * 1e6 / 8} }

// asTC pairs each recorded command with the Qdisc that should send the same bytes.
var asTC = map[string]Qdisc{
	"delay 10ms 1ms 25% loss gemodel 1% 10% duplicate 2% 3% corrupt 4% 5% reorder 10% 20% gap 3 " +
		"rate 40gbit ecn slot 1ms 2ms packets 3": {
		Latency: 10 * ms, Jitter: ms, Limit: 1000, Gap: 3, ECN: true, Rate: mbit(40000),
		Model:     GilbertElliott{ToBad: ShareOf(.01), ToGood: ShareOf(.1), LossBad: All},
		Duplicate: ShareOf(.02), Corrupt: ShareOf(.04), Reorder: ShareOf(.1),
		Correlation: Correlation{Delay: ShareOf(.25), Duplicate: ShareOf(.03), Corrupt: ShareOf(.05), Reorder: ShareOf(.2)},
		Slot:        &Slot{MinDelay: ms, MaxDelay: 2 * ms, MaxPackets: 3},
	},
	"delay 20ms":     {Latency: 20 * ms, Limit: 1000},
	"delay 10ms 2ms": {Latency: 10 * ms, Jitter: 2 * ms, Limit: 1000},
	"delay 5s 1s":    {Latency: 5 * time.Second, Jitter: time.Second, Limit: 1000},
	"loss 100%":      {Loss: All, Limit: 1000},
	"loss 1% 25%":    {Loss: ShareOf(.01), Correlation: Correlation{Loss: ShareOf(.25)}, Limit: 1000},
	"duplicate 100%": {Duplicate: All, Limit: 1000},
	"duplicate 0.5%": {Duplicate: ShareOf(.005), Limit: 1000},
	"corrupt 0.1%":   {Corrupt: ShareOf(.001), Limit: 1000},
	"delay 10ms reorder 25% 50% gap 5": {Latency: 10 * ms, Reorder: ShareOf(.25), Gap: 5, Limit: 1000,
		Correlation: Correlation{Reorder: ShareOf(.5)}},
	"rate 100mbit":                       {Rate: mbit(100), Limit: 1000},
	"rate 1gbit delay 200us limit 12345": {Rate: mbit(1000), Latency: 200 * us, Limit: 12345},
	"rate 40gbit":                        {Rate: mbit(40000), Limit: 1000},
	"rate 1mbit 20 100 5":                {Rate: &Rate{BytesPerSecond: 125000, PacketOverhead: 20, CellSize: 100, CellOverhead: 5}, Limit: 1000},
	"loss gemodel 1% 10% 70% 0.1%":       {Model: GilbertElliott{ShareOf(.01), ShareOf(.1), ShareOf(.7), ShareOf(.001)}, Limit: 1000},
	"loss state 1% 20% 3% 40% 2%": {Model: FourState{P13: ShareOf(.01), P31: ShareOf(.2), P32: ShareOf(.03),
		P23: ShareOf(.4), P14: ShareOf(.02)}, Limit: 1000},
	"loss random 3% ecn":                    {Loss: ShareOf(.03), ECN: true, Limit: 1000},
	"slot 800us 1ms packets 32 bytes 65536": {Slot: &Slot{MinDelay: 800 * us, MaxDelay: ms, MaxPackets: 32, MaxBytes: 65536}, Limit: 1000},
}

func TestMessageIsTheOneThatTCSends(t *testing.T) {
	messages := golden(t)
	for command, q := range asTC {
		t.Run(command, func(t *testing.T) {
			want := messages["root handle 1: netem "+command]
			require.NotNil(t, want, "not recorded")
			require.Equal(t, hex.EncodeToString(masked(want)),
				hex.EncodeToString(masked(request(7, Handle(1, 0), Root, &q).Serialize())))
		})
	}
	t.Run("below a class", func(t *testing.T) {
		want := messages["parent 1:2 handle 2: netem loss 100%"]
		require.Equal(t, masked(want),
			masked(request(7, Handle(2, 0), Handle(1, 2), &Qdisc{Loss: All, Limit: 1000}).Serialize()))
	})
}

// masked blanks the sequence number and the index of the device.
func masked(m []byte) []byte {
	m = append([]byte(nil), m...)
	copy(m[8:12], "\xff\xff\xff\xff")
	copy(m[20:24], "\xff\xff\xff\xff")
	return m
}

// tc rounds 50 us down to 781 ticks of 64 ns, which is 49.984 us. We send what tc
// sends and the exact time after it.
func TestTimesThatAreNotWholeTicksGoOutExactly(t *testing.T) {
	want := masked(golden(t)["root handle 1: netem delay 50us"])
	got := masked(request(7, Handle(1, 0), Root, &Qdisc{Latency: 50 * us, Limit: 1000}).Serialize())
	require.Len(t, got, len(want)+12)
	// 52: after the length of TCA_OPTIONS.
	require.Equal(t, want[52:], got[52:len(want)], "options up to the 64-bit attribute")
	require.Equal(t, "0c000a00"+"50c3000000000000", hex.EncodeToString(got[len(want):]))
	require.Equal(t, len(got), int(order.Uint32(got)), "length of the message")
}

func TestWhatIsEncodedDecodesToTheSame(t *testing.T) {
	check := func(t require.TestingT, q Qdisc) {
		got, err := decode(q.options().Serialize()[4:])
		require.NoError(t, err)
		require.Equal(t, &q, got)
	}
	for command, q := range asTC {
		t.Run(command, func(t *testing.T) { check(t, q) })
	}
	t.Run("anything", rapid.MakeCheck(func(t *rapid.T) {
		share := func(name string) Share { return Share(rapid.Uint32().Draw(t, name)) }
		q := Qdisc{
			Latency: time.Duration(rapid.Int64Min(0).Draw(t, "latency")),
			Jitter:  time.Duration(rapid.Int64Min(0).Draw(t, "jitter")),
			Limit:   rapid.Uint32Min(1).Draw(t, "limit"), Loss: share("loss"), Duplicate: share("duplicate"),
			Corrupt: share("corrupt"),
			Reorder: share("reorder"), Gap: rapid.Uint32().Draw(t, "gap"), ECN: rapid.Bool().Draw(t, "ecn"),
		}
		if rapid.Bool().Draw(t, "with rate") {
			q.Rate = &Rate{BytesPerSecond: rapid.Uint64Min(1).Draw(t, "rate"), PacketOverhead: rapid.Int32().Draw(t, "overhead")}
		}
		if rapid.Bool().Draw(t, "with seed") {
			s := rapid.Uint64().Draw(t, "seed")
			q.Seed = &s
		}
		check(t, q)
	}))
}

func TestComparisonNamesWhatDiffers(t *testing.T) {
	seed := uint64(4)
	asked := Qdisc{Latency: 50 * us, Limit: 1000, Rate: mbit(1), Seed: &seed}
	for name, c := range map[string]struct {
		change func(*Qdisc)
		want   string
	}{
		"nothing":                  {func(q *Qdisc) {}, ""},
		"64-bit time ignored":      {func(q *Qdisc) { q.Latency = 49984 }, "asked for latency 50µs, the kernel has 49.984µs"},
		"limit":                    {func(q *Qdisc) { q.Limit = 1 }, "asked for limit 1000, the kernel has 1"},
		"rate ignored":             {func(q *Qdisc) { q.Rate = nil }, "asked for rate {125000 0 0 0}, the kernel has <nil>"},
		"something nobody ordered": {func(q *Qdisc) { q.Duplicate = 5 }, "asked for duplicate 0, the kernel has 5"},
		"seed unknown":             {func(q *Qdisc) { q.Seed = nil }, "asked for seed 4, the kernel has none (it needs Linux 6.6)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := asked
			c.change(&got)
			if c.want == "" {
				require.NoError(t, compare(&asked, &got))
			} else {
				require.EqualError(t, compare(&asked, &got), c.want)
			}
		})
	}
	t.Run("a seed that the kernel chose itself", func(t *testing.T) {
		require.NoError(t, compare(&Qdisc{Limit: 1}, &Qdisc{Limit: 1, Seed: &seed}))
	})
}

func TestAddRefusesWhatTheKernelWouldMisread(t *testing.T) {
	for name, q := range map[string]Qdisc{
		"limit 0":             {Latency: ms},
		"negative latency":    {Latency: -ms, Limit: 1},
		"jitter beyond 2.1 s": {Jitter: 3 * time.Second, Limit: 1},
		"rate 0":              {Rate: &Rate{}, Limit: 1},
		"two loss models":     {Loss: All, Model: FourState{}, Limit: 1},
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, (*Conn)(nil).Add(1, Handle(1, 0), Root, q)) })
	}
}

func FuzzParse(f *testing.F) {
	q := asTC["rate 40gbit"]
	f.Add(request(7, Handle(1, 0), Root, &q).Serialize()[16:])
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = parse(b) })
}

func TestParseReadsCounters(t *testing.T) {
	m := (&nl.TcMsg{Ifindex: 7, Handle: Handle(1, 0), Parent: Root}).Serialize()
	m = append(m, nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("netem")).Serialize()...)
	q := Qdisc{Limit: 10}
	m = append(m, q.options().Serialize()...)
	stats := nl.NewRtAttr(nl.TCA_STATS2, nil)
	basic := order.AppendUint32(u64(1000), 5)
	stats.AddRtAttr(statsBasic, append(basic, 0, 0, 0, 0))
	stats.AddRtAttr(statsQueue, shares(1, 2, 3, 4, 5))
	stats.AddRtAttr(statsPackets8, u64(1<<32+5))
	s, err := parse(append(m, stats.Serialize()...))
	require.NoError(t, err)
	require.Equal(t, Stats{
		Index: 7, Handle: Handle(1, 0), Parent: Root, Kind: "netem", Netem: &q,
		Packets: 1<<32 + 5, Bytes: 1000, Waiting: 1, Backlog: 2, Drops: 3, Requeues: 4, Overlimits: 5,
	}, s)
}
