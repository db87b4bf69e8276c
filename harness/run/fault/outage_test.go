package fault

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

// running reports whether both nodes' devices have a carrier.
func (l *lab) running(t *testing.T) (list [2]bool) {
	t.Helper()
	for side, e := range l.links[0].Ends {
		link, err := e.Node.Netlink().LinkByIndex(e.Index)
		require.NoError(t, err)
		require.NotZero(t, link.Attrs().RawFlags&unix.IFF_UP, "the node's device itself stays up")
		list[side] = link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
	}
	return list
}

var both, neither = [2]bool{true, true}, [2]bool{}

func TestDownTakesTheCarrierOfBothNodesAway(t *testing.T) {
	const n = 20
	for _, link := range []string{"", ", delay: 2ms", ", delay: 1ms, rate: 10mbit, queue: 100"} {
		t.Run("link"+link, func(t *testing.T) {
			l := buildLab(t, link, "name: cut, do: down, at: 100ms, for: 100ms")
			d := l.datagrams(t, false)
			start := clock(t) + int64(10*time.Millisecond)
			require.NoError(t, l.Arm(start, labSeed))
			at := func(ms int64) { await(t, start+ms*1e6) }
			at(50)
			require.Equal(t, both, l.running(t))
			d.send(t, n)
			at(150)
			require.Equal(t, neither, l.running(t))
			require.Equal(t, upTo(n), d.received(t))
			for range n {
				_, err := unix.Write(d.from, []byte{0, 0, 0, 0})
				if err != nil { // the kernel may say so, or lose it in silence
					require.ErrorIs(t, err, unix.ENETDOWN)
				}
			}
			at(250)
			require.Equal(t, both, l.running(t))
			require.Empty(t, d.received(t), "sent while the link was down")
			at(2500) // the kernel may tell its routes of a carrier a second later
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Equal(t, upTo(n), d.received(t))
			require.Equal(t, []result.Receipt{{Name: "cut", Matched: 1, Chosen: 1, Delivered: 1, In: 2 * n, Out: 2 * n}}, r)
		})
	}
}

func TestWhatIsUnderWayWhenTheLinkGoesDownIsLostAndExplained(t *testing.T) {
	const n = 20
	l := buildLab(t, ", delay: 50ms", "name: cut, do: down, at: 100ms, for: 100ms")
	d := l.datagrams(t, false)
	start := clock(t) + int64(10*time.Millisecond)
	require.NoError(t, l.Arm(start, labSeed))
	await(t, start+80e6)
	d.send(t, n)
	await(t, start+300e6)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.Empty(t, d.received(t))
	require.Equal(t, []result.Receipt{{Name: "cut", Matched: 1, Chosen: 1, Delivered: 1, In: n}}, r)
}

func TestALinkFlapsAsOftenAsItIsToldTo(t *testing.T) {
	for name, c := range map[string]struct {
		fault string
		until time.Duration
		want  int64
	}{
		"three times":       {"at: 10ms, for: 5ms, every: 10ms, times: 3", time.Second, 3},
		"until the end":     {"at: 10ms, for: 5ms, every: 10ms", 58 * time.Millisecond, 5},
		"down for good":     {"at: 10ms", time.Second, 1},
		"twenty a second":   {"for: 1ms, every: 50ms, times: 20", 2 * time.Second, 20},
		"ends in an outage": {"at: 10ms, for: 1s", 30 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := buildLab(t, "", "name: flap, do: down, "+c.fault)
			start := clock(t) + int64(10*time.Millisecond)
			require.NoError(t, l.Arm(start, labSeed))
			await(t, start+int64(c.until))
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Equal(t, []result.Receipt{{Name: "flap", Matched: c.want, Chosen: c.want, Delivered: c.want}}, r)
			require.NoError(t, l.Close())
			require.Equal(t, both, l.running(t), "as the link was before")
		})
	}
}

func TestAnOutageThatNeverCameMakesTheRunInvalid(t *testing.T) {
	l := newLab(t, "", "name: cut, do: down, at: 9s")
	_, because := l.receipts(t)
	require.Equal(t, []string{"fault cut: the fault never acted: the run ended before"}, because)
}

func TestACarrierThatSomebodyElseTookIsFound(t *testing.T) {
	l := newLab(t, "", "name: cut, do: down, for: 10ms")
	await(t, clock(t)+20e6)
	end := l.links[0].Ends[1]
	wire := l.links[0].Wire.Netlink()
	device, err := wire.LinkByIndex(end.WireIndex)
	require.NoError(t, err)
	require.NoError(t, wire.LinkSetDown(device))
	require.NoError(t, wire.LinkSetUp(device))
	_, because := l.receipts(t)
	require.Equal(t, []string{"fault cut: the link was taken down 1 times; a lost its carrier 1 times, b 2 times"},
		because)
}

func TestHowOftenAnOutageIsDue(t *testing.T) {
	s := func(n float64) scenario.Duration { return scenario.Duration(n * 1e9) }
	for _, c := range []struct {
		fault scenario.Fault
		until float64
		want  int64
	}{
		{scenario.Fault{At: s(1)}, .9, 0},
		{scenario.Fault{At: s(1)}, 1, 1},
		{scenario.Fault{At: s(1)}, 100, 1},
		{scenario.Fault{At: s(1), For: s(1), Every: s(2)}, 2.9, 1},
		{scenario.Fault{At: s(1), For: s(1), Every: s(2)}, 3, 2},
		{scenario.Fault{At: s(1), For: s(1), Every: s(2), Times: 2}, 100, 2},
		{scenario.Fault{At: s(1), For: s(1), Every: s(2), Times: 2}, 0, 0},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) { require.Equal(t, c.want, due(&c.fault, time.Duration(c.until*1e9))) })
	}
}
