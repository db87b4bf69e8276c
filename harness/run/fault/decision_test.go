package fault

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/scenario"
)

// splitMix is the nth output of the generator of Steele, Lea and Flood, in integers without bounds, from its
// definition.
func splitMix(state uint64, n int64) uint64 {
	two64 := new(big.Int).Lsh(big.NewInt(1), 64)
	z := new(big.Int).SetUint64(state)
	step, _ := new(big.Int).SetString("9E3779B97F4A7C15", 16)
	z.Add(z, new(big.Int).Mul(step, big.NewInt(n))).Mod(z, two64)
	for _, round := range []struct {
		shift uint
		times string
	}{{30, "BF58476D1CE4E5B9"}, {27, "94D049BB133111EB"}, {31, "1"}} {
		times, _ := new(big.Int).SetString(round.times, 16)
		z.Xor(z, new(big.Int).Rsh(z, round.shift)).Mul(z, times).Mod(z, two64)
	}
	return z.Uint64()
}

func TestPlainDrawsAreThoseOfSplitMix64(t *testing.T) {
	// The first outputs of the published program for the state 1234567.
	for n, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
		16408922859458223821} {
		require.Equal(t, want, splitMix(1234567, int64(n)+1))
		require.Equal(t, want, choice.Mix(uint64(1234567)+uint64(n+1)*choice.Golden))
	}
	// A flow's state takes in all of its 40 bytes, 8 at a time.
	for i := range flowSize {
		f := flow{}
		f[i] = 1
		want := uint64(99)
		for word := range 5 {
			x := want
			if i/8 == word {
				x ^= 1 << (8 * (i % 8))
			}
			want = splitMix(x, 0)
		}
		require.Equal(t, want, choice.Start(99, f), "byte %d", i)
		require.Equal(t, want, decision{key: 99}.start(f))
	}
	require.Equal(t, flow{38: 2}, choice.LinkFlow(2))
}

// named reports whether an ordinal is in a list, or there is none.
func named(list []uint64, ordinal int) bool {
	found := len(list) == 0
	for _, n := range list {
		found = found || n == uint64(ordinal)
	}
	return found
}

// What package choice lists is what the decision chooses, if all packets of the link count together.
func TestPlainListOfALink(t *testing.T) {
	chance := scenario.Share(0.1)
	f := &scenario.Fault{Name: "f", Select: scenario.Select{Chance: &chance, Per: scenario.PerLink}}
	for side := range 2 {
		d := decision{choice.Key(9, "f"), newDraws(f, side)}
		var want []int
		for n := range uint64(1000) {
			if d.chosen(choice.LinkFlow(d.link), n) {
				want = append(want, int(n)+1)
			}
		}
		require.NotEmpty(t, want)
		require.Equal(t, want, choice.OfLink(9, "f", byte(side+1), 0.1, 1000))
	}
}

// listed works out which of the first n packets are chosen, from what the language says: those whose ordinal hits, and
// burst-1 after each.
func listed(d draws, start uint64, n int, step int) (chosen []int, trials, hits int64) {
	taken := make([]bool, n+1)
	for ordinal := 1; ordinal <= n; ordinal++ {
		switch {
		case d.nth > 0 && uint64(ordinal) != d.nth, d.every > 0 && uint64(ordinal)%d.every != 0,
			d.first > 0 && uint64(ordinal) > d.first, !named(d.ordinals, ordinal):
			continue
		}
		trials++
		if d.limits != nil && splitMix(start, int64(ordinal)) > d.limits[min(step, len(d.limits)-1)] {
			continue
		}
		hits++
		for k := ordinal; k < ordinal+max(d.burst, 1) && k <= n; k++ {
			taken[k] = true
		}
	}
	for k, yes := range taken {
		if yes {
			chosen = append(chosen, k)
		}
	}
	return chosen, trials, hits
}

func TestPlainChoice(t *testing.T) {
	some := []uint64{1 << 62}          // a quarter
	ramp := []uint64{1 << 61, 1 << 63} // an eighth, then a half
	for name, d := range map[string]draws{
		"all": {}, "nth": {nth: 7}, "every": {every: 5}, "first": {first: 9}, "every, of the first": {every: 4, first: 13}, "chance": {limits: some},
		"a burst": {nth: 5, burst: 3}, "bursts of chance": {limits: some, burst: 4},
		"bursts that overlap": {every: 2, burst: 3}, "a burst of one": {every: 3, burst: 1},
		"chance of every": {limits: some, every: 3}, "chance of the first": {limits: some, first: 40}, "ramp": {limits: ramp},
		"a burst at the end": {nth: 99, burst: 5}, "ordinals": {ordinals: []uint64{1, 7, 8, 99}},
		"ordinals and a burst": {ordinals: []uint64{3, 50}, burst: 4},
		"chance of ordinals":   {ordinals: []uint64{3, 50, 51, 52}, limits: some},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 100
			for step := range 3 {
				for _, start := range []uint64{0, 12345, 1 << 63} {
					want, trials, hits := listed(d, start, n, step)
					var got []int
					for ordinal := 1; ordinal <= n; ordinal++ {
						if d.chosenAt(start, uint64(ordinal), step) {
							got = append(got, ordinal)
						}
					}
					require.Equal(t, want, got)
					require.Equal(t, counted{int64(len(want)), trials, hits}, d.count(start, n, step))
				}
			}
			require.Equal(t, name == "all", d.all())
			require.Zero(t, d.count(1, 0, 0))
		})
	}
	// A draw of exactly the limit hits, one more does not.
	limit := splitMix(5, 3)
	require.True(t, draws{limits: []uint64{limit}}.drawn(5, 3, 0))
	require.False(t, draws{limits: []uint64{limit - 1}}.drawn(5, 3, 0))
	// Packet n of a flow, from 0, has the ordinal n+1.
	d := decision{77, draws{nth: 4}}
	require.True(t, d.chosen(flow{}, 3))
	require.False(t, d.chosen(flow{}, 4))
	d = decision{77, draws{limits: ramp}}
	for n := range uint64(50) {
		require.Equal(t, d.drawn(choice.Start(77, flow{1}), n+1, 0), d.chosen(flow{1}, n))
	}
}

func TestPlainNewDraws(t *testing.T) {
	half, whole := scenario.Share(0.5), scenario.Share(1)
	for _, c := range []struct {
		s    scenario.Select
		side int
		want draws
	}{
		{scenario.Select{}, 0, draws{}},
		{scenario.Select{Chance: &whole}, 1, draws{}},
		{scenario.Select{Chance: &half}, 0, draws{limits: []uint64{1<<63 - 1}}},
		{scenario.Select{Nth: 1, Every: 2, First: 3, Burst: 4}, 0, draws{nth: 1, every: 2, first: 3, burst: 4}},
		{scenario.Select{Per: scenario.PerLink, Nth: 9}, 0, draws{nth: 9, link: 1}},
		{scenario.Select{Per: scenario.PerLink, Nth: 9}, 1, draws{nth: 9, link: 2}},
		{scenario.Select{Per: scenario.PerFlow, Nth: 9}, 1, draws{nth: 9}},
		{scenario.Select{Ordinals: []int{2, 5}}, 1, draws{ordinals: []uint64{2, 5}}},
	} {
		require.Equal(t, c.want, newDraws(&scenario.Fault{Select: c.s}, c.side))
	}
	// Keys differ by seed and by name, and stay what they are.
	require.NotEqual(t, choice.Key(1, "a"), choice.Key(2, "a"))
	require.NotEqual(t, choice.Key(1, "a"), choice.Key(1, "b"))
}

// With a ramp it is unknown which value met which packet: at least those of its lowest chance, at most those
// of its highest.
func TestPlainSelections(t *testing.T) {
	low, high := uint64(1<<61), uint64(1<<63)
	for name, limits := range map[string][]uint64{"up": {low, 1 << 62, high}, "down": {high, 1 << 62, low},
		"flat": {high}} {
		var r selection
		var least, most, trials int64
		for flow := range uint64(3) {
			r.expect(draws{limits: limits, every: 2}, flow, 200)
			a, n, _ := listed(draws{limits: []uint64{low}, every: 2}, flow, 200, 0)
			b, _, _ := listed(draws{limits: []uint64{high}, every: 2}, flow, 200, 0)
			if name == "flat" {
				a = b
			}
			least, most, trials = least+int64(len(a)), most+int64(len(b)), trials+n
		}
		require.Equal(t, []int64{least, most, trials}, []int64{r.least, r.most, r.trials}, name)
		for _, c := range []struct {
			chosen int64
			wrong  bool
		}{{least - 1, true}, {least, false}, {most, false}, {most + 1, true}} {
			r.chosen = c.chosen
			require.Equal(t, c.wrong, r.wrong() != "", "%s, %d", name, c.chosen)
		}
	}
}
