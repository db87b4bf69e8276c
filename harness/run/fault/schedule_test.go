package fault

import (
	"math"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// aFrame is a packet that every selection takes that does not say otherwise.
func aFrame(t *testing.T) []byte {
	return frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), tcp("A"))
}

// Every nanosecond belongs to the fault or does not: the kernel says of each packet what [scenario.Fault.Active]
// says of the moment at which it looked. That moment is known for chosen packets; for others it lies between two
// readings of the clock.
func TestTheKernelKeepsTheSchedule(t *testing.T) {
	const us = 10 * scenario.Duration(time.Microsecond)
	for name, f := range map[string]scenario.Fault{
		"a while":     {At: 300 * us, For: 700 * us},
		"to the end":  {At: 500 * us},
		"again":       {At: 100 * us, For: 90 * us, Every: 200 * us},
		"three times": {At: 100 * us, For: 300 * us, Every: 700 * us, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newSelector(testScenario(f), 0, 0)
			require.NoError(t, err)
			s.bands = 1
			b := newBenchOf(t, s)
			r, packet := newRunner(b.Program), aFrame(t)
			awaitQuiet(t)
			r.band(t, packet) // warm
			start := clock(t) + 200_000
			b.arm(t, newOrders(uint64(start+int64(f.At)), 1))
			var in, out, unknown int
			var chosen []time.Duration
			for after := int64(0); after < start+40_000_000; {
				before := clock(t)
				hit := r.band(t, packet) == actingBand
				after = clock(t)
				if hit && len(chosen) < mostTimes {
					c, err := b.state.read()
					require.NoError(t, err)
					times := b.timesOf(c, b.when.at)
					at := times[len(times)-1]
					require.GreaterOrEqual(t, int64(at), before-start)
					require.LessOrEqual(t, int64(at), after-start)
					_, _, ok := f.Active(scenario.Duration(at))
					require.True(t, ok, "chosen at %v", at)
					chosen = times
				}
				x, from, a := f.Active(scenario.Duration(before - start))
				y, to, b := f.Active(scenario.Duration(after - start))
				switch length := scenario.Duration(after - before); {
				case a && b && x == y && to-from == length:
					require.True(t, hit, "between %v and %v", time.Duration(before-start), time.Duration(after-start))
					in++
				case !a && !b && (f.Every == 0 || length < f.For) && length < 90*us && !within(&f, before-start, after-start):
					require.False(t, hit, "between %v and %v", time.Duration(before-start), time.Duration(after-start))
					out++
				default:
					unknown++
				}
			}
			t.Logf("%d packets inside, %d outside, %d around a boundary", in, out, unknown)
			require.Greater(t, min(in, out), 3)
			require.Greater(t, len(chosen), 5)
			require.IsIncreasing(t, chosen)
		})
	}
}

// within reports whether the fault begins between two moments.
func within(f *scenario.Fault, from, to int64) bool {
	spans, _ := f.Spans(scenario.Duration(math.MaxInt64), 100)
	for _, s := range spans {
		if int64(s.From) >= from && int64(s.From) <= to {
			return true
		}
	}
	return false
}

// A ramp of the chance: the kernel's threshold is that of the step that the twin names, at every step, and so
// are its bands.
func TestTheKernelClimbsTheRamp(t *testing.T) {
	const unit = scenario.Duration(100 * time.Millisecond) // so long that a look takes a small part of it
	const over = 14 * unit
	time.Sleep(max(0, 4*time.Second-time.Duration(clock(t)))) // the machine's clock must reach back
	for name, c := range map[string]struct {
		from, to scenario.Share
		every    scenario.Duration
	}{
		"up":       {.1, .9, 0},
		"down":     {.8, .05, 0},
		"to all":   {.5, 1, 0},
		"from all": {1, .5, 0},
		"again":    {.1, .9, 20 * unit},
	} {
		t.Run(name, func(t *testing.T) {
			f := scenario.Fault{Every: c.every, Select: scenario.Select{Chance: &c.from, Burst: 2},
				Ramp: &scenario.Ramp{Over: over, Steps: 8, Chance: &c.to}}
			if c.every > 0 {
				f.For = 19 * unit
			}
			s, err := newSelector(testScenario(f), 0, 0)
			require.NoError(t, err)
			s.bands = 8 // as a ramp of the delay would have
			b := newBenchOf(t, s)
			r, packet := newRunner(b.Program), aFrame(t)
			awaitQuiet(t)
			truth := decode(packet)
			d := decision{5, s.draws}
			ordinal := uint64(0)
			for _, units := range []float64{.5, 1.5, 3.5, 7, 13.5, 14.5, 18, 19.3, 20.5, 23, 38.3} {
				since := scenario.Duration(units * float64(unit))
				_, in, ok := f.Active(since)
				b.arm(t, newOrders(uint64(clock(t)-int64(since)), d.key))
				step := f.Ramp.Step(in)
				for range 300 {
					got := r.band(t, packet)
					if !ok {
						require.Zero(t, got)
						continue
					}
					ordinal++
					want := uint32(0)
					if d.chosenAt(d.start(truth.flow), ordinal, step) {
						want = actingBand + uint32(step)
					}
					require.Equal(t, want, got, "after %v, step %d", since, step)
				}
			}
			counters, err := b.state.read()
			require.NoError(t, err)
			sum, err := b.selection(b.state.orders[0], counters, b.flows)
			require.NoError(t, err)
			require.Empty(t, sum.wrong())
			require.Less(t, sum.least, sum.most)
			require.Equal(t, int64(ordinal), sum.matched)
			sum.chosen = sum.most + 1
			require.NotEmpty(t, sum.wrong())
			sum.chosen = sum.least - 1
			require.NotEmpty(t, sum.wrong())
		})
	}
}
