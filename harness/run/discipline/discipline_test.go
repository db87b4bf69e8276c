package discipline

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Floyd and Jacobson 1993, section 6: with a threshold of 5 packets and bursts of 50, the weight is 0.0042 at the most.
// Of powers of two that is 1/256 = 0.0039; their sum takes the burst to be one packet longer than tc's, and that makes
// it 1/512 here.
func TestTheWeightIsFloydsAndTcs(t *testing.T) {
	require.Equal(t, 9, weight(5, 50, 1))
	require.Equal(t, 9, weight(5*1000, 50, 1000))
	require.Equal(t, 1, weight(10, 10, 1))
	for _, c := range []struct{ least, burst, packet float64 }{{30_000, 55, 1000}, {5000, 9, 1000}, {64, 2, 100}} {
		w := math.Ldexp(1, -weight(c.least, c.burst, c.packet))
		mean := 0.0 // after a burst into an empty queue, by the definition of the mean
		for queue := 1.0; queue <= c.burst; queue++ {
			mean += w * (queue - mean)
		}
		require.LessOrEqual(t, mean*c.packet, c.least)
	}
}

func TestTheSlopeReachesTheProbability(t *testing.T) {
	for _, c := range []struct{ least, most, probability float64 }{
		{5000, 15_000, 0.02}, {30_000, 90_000, 0.1}, {0, 64, 1},
	} {
		at := math.Ldexp(c.most-c.least, -slope(c.least, c.most, c.probability))
		require.LessOrEqual(t, at, c.probability)
		require.Greater(t, at, c.probability/2)
	}
}

// The mean falls by the weight for each packet that could have been sent.
func TestTheMeanFallsInIdleTimes(t *testing.T) {
	const wlog, packet = 9, 800.0 // us
	clog, table := damping(wlog, packet)
	require.Len(t, table, 256)
	for i, halvings := range table {
		idle := math.Ldexp(float64(i), clog) / packet
		want := -math.Log2(math.Pow(1-math.Ldexp(1, -wlog), idle))
		require.InDelta(t, min(want, 31), float64(halvings), 1.01, i)
	}
	require.Equal(t, byte(31), table[255])
}

// The kernel keeps codel's times in units of 1024 ns, and pie's update in ticks.
func TestWhatIsReadBackMayBeRoundedAsTheKernelDoes(t *testing.T) {
	const target, update = scenario.Duration(5e6), scenario.Duration(15e6)
	l := level{kind: "codel", attrs: []attr{micros(1, target), word(2, 1000), ticked(3, update)}}
	answer := func(target, limit, update uint32) []byte {
		return (&level{attrs: []attr{word(1, target), word(2, limit), word(3, update)}}).options()
	}
	require.NoError(t, l.compare(answer(4999, 1000, 16_000)))
	require.NoError(t, l.compare(l.options()))
	require.ErrorContains(t, l.compare(answer(4997, 1000, 15_000)), "attribute 1")
	require.ErrorContains(t, l.compare(answer(5001, 1000, 15_000)), "attribute 1")
	require.ErrorContains(t, l.compare(answer(5000, 999, 15_000)), "attribute 2")
	require.ErrorContains(t, l.compare(answer(5000, 1000, 14_000)), "attribute 3")
	require.ErrorContains(t, l.compare(answer(5000, 1000, 15_000)[:16]), "does not know attribute 3")
	require.Error(t, l.compare([]byte{1, 0, 0, 0}))
	f := level{kind: "bfifo", head: u32(3000)}
	require.NoError(t, f.compare(u32(3000)))
	require.Error(t, f.compare(u32(2999)))
	require.Error(t, f.compare(nil))
}

// What is built is what the scenario says that it needs: by that, modules are loaded.
func TestTheQdiscsAreThoseOfTheLink(t *testing.T) {
	const head = "version: 1\nname: x\nduration: 1s\nnodes: {a: {}, b: {}}\nlinks: [{between: [a, b], rate: 1mbit, "
	for _, link := range []string{"queue: 3", "queue-bytes: 2kB", "discipline: codel", "discipline: fq_codel",
		"discipline: fq", "discipline: pie", "discipline: fq_pie", "queue-bytes: 60kB, discipline: red", "discipline: cake",
		"queue: 3, discipline: {tbf: {burst: 2kB}}", "queue-bytes: 9kB, discipline: {tbf: {burst: 2kB}}"} {
		s, err := scenario.Parse("x", []byte(head+link+"}]\n"), nil)
		require.NoError(t, err)
		var kinds []string
		if b := New(&s.Links[0]); b != nil {
			for _, l := range b.levels {
				kinds = append(kinds, l.kind)
			}
		}
		require.Equal(t, s.Links[0].Qdiscs(), kinds, link)
	}
}

func TestTheBucketIsReadBack(t *testing.T) {
	b := tbf(&scenario.Link{Rate: 10_000_000, MTU: 1500})
	parms := make([]byte, 36)
	put := func(at int, v uint32) { binary.NativeEndian.PutUint32(parms[at:], v) }
	put(8, 1_250_000)
	put(28, 1514*800/64) // the time of a frame at 10 Mbit/s, in ticks of 64 ns
	same := b[0].same
	require.True(t, same(parms))
	put(28, 1514*800/64+3)
	require.False(t, same(parms))
	require.False(t, same(parms[:35]))
}

func TestCountersOfEachKind(t *testing.T) {
	words := func(n int) (b []byte) { // word i is i
		for i := range n {
			b = binary.NativeEndian.AppendUint32(b, uint32(i))
		}
		return b
	}
	for kind, want := range map[string]map[string]int64{
		"codel":    {"drop_overlimit": 5, "ecn_mark": 6, "ce_mark": 8},
		"fq_codel": {"drop_overlimit": 2, "ecn_mark": 3, "new_flow_count": 4, "ce_mark": 7, "drop_overmemory": 9},
		"pie":      {"dropped": 6, "overlimit": 7, "maxq": 8, "ecn_mark": 9},
		"fq_pie":   {"dropped": 1, "overlimit": 2, "overmemory": 3, "ecn_mark": 4, "new_flow_count": 5},
		"red":      {"early": 0, "pdrop": 1, "marked": 3},
		"bfifo":    nil,
	} {
		require.Equal(t, want, Counters(&netem.Stats{Kind: kind, Own: words(10)}), kind)
		require.NotPanics(t, func() { Counters(&netem.Stats{Kind: kind, Own: []byte{1}}) })
	}
	require.EqualValues(t, 10, Marked(&netem.Stats{Kind: "fq_codel", Own: words(10)}))
	require.EqualValues(t, 3, Marked(&netem.Stats{Kind: "red", Own: words(4)}))

	nest := func(kind uint16, inner ...[]byte) []byte {
		var b []byte
		for _, i := range inner {
			b = append(b, i...)
		}
		return (&level{attrs: []attr{{kind: kind, value: b}}}).options()
	}
	count := func(kind uint16, n uint32) []byte { return (&level{attrs: []attr{word(kind, n)}}).options() }
	tins := nest(cakeTins, nest(1, count(tinDropped, 1), count(tinMarked, 2)),
		nest(2, count(tinMarked, 30), count(tinACKs, 4)))
	require.Equal(t, map[string]int64{"dropped": 1, "ack_drop": 4, "ecn_mark": 32},
		Counters(&netem.Stats{Kind: "cake", Own: tins}))
	require.Nil(t, Counters(&netem.Stats{Kind: "cake", Own: []byte{9, 0, 0, 0}}))
}
