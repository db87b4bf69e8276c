package fault

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/run/topology"
)

func TestALinkWithoutFaultsCarriesEverything(t *testing.T) {
	for _, link := range []string{"", ", delay: 5ms", ", rate: 10mbit", ", delay: 5ms, rate: 10mbit",
		", delay: 5ms, rate: 10mbit, queue: 5000", ", queue: 10"} {
		for _, ipv6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("link%s, IPv6 %t", link, ipv6), func(t *testing.T) {
				l := newLab(t, link)
				d := l.datagrams(t, ipv6)
				d.send(t, 1000)
				_, because := l.receipts(t)
				require.Empty(t, because)
				require.Equal(t, upTo(1000), d.received(t))
				stats, err := l.QdiscStats()
				require.NoError(t, err)
				require.Equal(t, []QdiscStats{
					{From: "a", To: "b", Entered: 1000, Arrived: 1000}, {From: "b", To: "a"},
				}, stats, "and not one packet that nobody sent")
			})
		}
	}
}

func TestDropLosesExactlyTheChosenPackets(t *testing.T) {
	const n = 3000
	for _, ipv6 := range []bool{false, true} {
		for _, chance := range []string{"2%", "50%", "100%"} {
			t.Run(fmt.Sprintf("%s, IPv6 %t", chance, ipv6), func(t *testing.T) {
				l := newLab(t, ", delay: 1ms", "name: loss, from: a, do: {drop: true}, select: {chance: "+chance+"}")
				d := l.datagrams(t, ipv6)
				d.send(t, n)
				r, because := l.receipts(t)
				require.Empty(t, because)
				share := float64(*l.faults[0].Select.Chance)
				want, chosen := dropped(upTo(n), d.flow, decide("loss", share))
				require.Equal(t, want, d.received(t))
				require.Equal(t, result.Receipt{Name: "loss", Matched: n, Chosen: chosen, Delivered: chosen, In: n,
					Out: n - chosen}, counts(r[0]))
				if chance != "100%" {
					lo, hi := binomialInterval(n, share)
					require.Equal(t, []int64{lo, hi}, r[0].Interval)
				}
			})
		}
	}
}

func TestDuplicatePutsCopiesRightBehindThePacket(t *testing.T) {
	const n = 500
	for _, copies := range []int{1, 2, 3, 16} {
		t.Run(fmt.Sprint(copies), func(t *testing.T) {
			l := newLab(t, ", delay: 1ms",
				fmt.Sprintf("name: dup, from: a, do: {duplicate: %d}, select: {chance: 20%%}", copies))
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			want, chosen := copied(upTo(n), d.flow, decide("dup", .2), copies)
			require.Equal(t, want, d.received(t))
			extra := chosen * int64(copies)
			require.Equal(t, result.Receipt{Name: "dup", Matched: n, Chosen: chosen, Delivered: extra, In: n, Out: n + extra},
				counts(r[0]))
		})
	}
}

// The second fault sees the first one's copies as packets like any others, and switching
// it on changes none of the first one's decisions.
func TestFaultsComposeInTheOrderOfTheFile(t *testing.T) {
	const n = 800
	dup, loss := "name: dup, from: a, do: {duplicate: 3}, select: {chance: 10%}",
		"name: loss, from: a, do: {drop: true}, select: {chance: 30%}"
	other := "name: other, from: b, do: {drop: true}" // on the other direction: not theirs
	for name, c := range map[string]struct {
		faults []string
		want   func(flow) []int
	}{
		"copies, then loss": {[]string{dup, loss}, func(f flow) []int {
			out, _ := copied(upTo(n), f, decide("dup", .1), 3)
			out, _ = dropped(out, f, decide("loss", .3))
			return out
		}},
		"loss, then copies": {[]string{loss, dup}, func(f flow) []int {
			out, _ := dropped(upTo(n), f, decide("loss", .3))
			out, _ = copied(out, f, decide("dup", .1), 3)
			return out
		}},
		"copies of copies": {[]string{dup, strings.Replace(dup, "dup", "again", 1)}, func(f flow) []int {
			out, _ := copied(upTo(n), f, decide("dup", .1), 3)
			out, _ = copied(out, f, decide("again", .1), 3)
			return out
		}},
		"copies alone, and a fault on the way back": {[]string{dup, other}, func(f flow) []int {
			out, _ := copied(upTo(n), f, decide("dup", .1), 3)
			return out
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, ", delay: 1ms", c.faults...)
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			if len(because) > 0 { // the fault on the way back had nothing to act on
				require.Equal(t, []string{"fault other: the fault never acted: 0 of 0 packets matched"}, because)
			}
			require.Equal(t, c.want(d.flow), d.received(t))
			for _, r := range r {
				require.Zero(t, r.UnexplainedLoss)
			}
		})
	}
}

func TestAFaultWithoutFromActsInBothDirections(t *testing.T) {
	const n = 300
	l := newLab(t, ", delay: 1ms", "name: loss, do: drop, select: {chance: 20%}")
	d := l.datagrams(t, false)
	d.send(t, n)
	back := d.reversed()
	back.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	there, one := dropped(upTo(n), d.flow, decide("loss", .2))
	require.Equal(t, there, d.received(t))
	home, two := dropped(upTo(n), back.flow, decide("loss", .2))
	require.Equal(t, home, back.received(t))
	require.NotEqual(t, there, home, "a flow's way back is a flow of its own")
	require.Equal(t, result.Receipt{Name: "loss", Matched: 2 * n, Chosen: one + two, Delivered: one + two, In: 2 * n,
		Out: 2*n - one - two}, counts(r[0]))
	lo, hi := binomialInterval(2*n, .2)
	require.Equal(t, []int64{lo, hi}, r[0].Interval)
}

func TestWatchCountsAndTouchesNothing(t *testing.T) {
	const n = 300
	l := newLab(t, "", "name: eye, do: watch, select: {chance: 20%}")
	d := l.datagrams(t, false)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.Equal(t, upTo(n), d.received(t))
	_, chosen := dropped(upTo(n), d.flow, decide("eye", .2))
	require.Equal(t, result.Receipt{Name: "eye", Matched: n, Chosen: chosen, Delivered: chosen, In: n, Out: n},
		counts(r[0]))
}

func TestReorderHoldsTheChosenBackAndLosesNothing(t *testing.T) {
	const n = 400
	l := newLab(t, "", "name: swap, from: a, do: {reorder: 300ms}, select: {chance: 10%}")
	d := l.datagrams(t, false)
	d.send(t, n) // takes far less than 300 ms
	r, because := l.receipts(t)
	require.Empty(t, because)
	passed, chosen := dropped(upTo(n), d.flow, decide("swap", .1))
	held := []int{}
	for i := range n {
		if decide("swap", .1).chosen(d.flow, uint64(i)) {
			held = append(held, i)
		}
	}
	require.Equal(t, append(passed, held...), d.received(t))
	require.Equal(t, result.Receipt{Name: "swap", Matched: n, Chosen: chosen, Delivered: chosen, In: n, Out: n},
		counts(r[0]))
}

func TestDelayAndRateTakeTheirTimeAndLoseNothing(t *testing.T) {
	const n = 100
	// A datagram of 4 bytes is a frame of 46. At 368 kbit/s, 1 ms each.
	for do, c := range map[string]struct{ first, last time.Duration }{
		"delay: 30ms":              {30 * time.Millisecond, 30 * time.Millisecond},
		"delay: 30ms, jitter: 5ms": {25 * time.Millisecond, 25 * time.Millisecond},
		"rate: 368kbit":            {time.Millisecond, n * time.Millisecond},
	} {
		t.Run(do, func(t *testing.T) {
			l := newLab(t, "", "name: late, from: a, do: {"+do+"}")
			d := l.datagrams(t, false)
			start := clock(t)
			d.send(t, n)
			r, because := l.receipts(t)
			took := time.Duration(clock(t) - start)
			require.Empty(t, because)
			require.Len(t, d.received(t), n)
			require.Equal(t, result.Receipt{Name: "late", Matched: n, Chosen: n, Delivered: n, In: n, Out: n}, counts(r[0]))
			require.GreaterOrEqual(t, took, c.last, "all of them cannot have come sooner")
		})
	}
}

func TestAFaultThatNeverActedMakesTheRunInvalid(t *testing.T) {
	t.Run("nothing of the class", func(t *testing.T) {
		l := newLab(t, "", "name: acks, from: a, do: {drop: true}, select: {packets: pure-ack}")
		l.datagrams(t, false).send(t, 50)
		r, because := l.receipts(t)
		require.Equal(t, []string{"fault acks: the fault never acted: 0 of 50 packets matched"}, because)
		require.Equal(t, result.Receipt{Name: "acks", In: 50, Out: 50}, counts(r[0]))
	})
	t.Run("nothing chosen", func(t *testing.T) {
		l := newLab(t, "", "name: rare, from: a, do: {drop: true}, select: {chance: 0.0001%}")
		l.datagrams(t, false).send(t, 50)
		_, because := l.receipts(t)
		require.Equal(t, []string{"fault rare: the fault never acted: none of 50 packets that matched was chosen"}, because)
	})
	t.Run("not armed", func(t *testing.T) {
		l := buildLab(t, "", "name: loss, from: a, do: {drop: true}")
		d := l.datagrams(t, false)
		d.send(t, 50)
		_, because := l.receipts(t)
		require.Len(t, because, 1)
		require.Equal(t, upTo(50), d.received(t))
	})
	t.Run("its time has not come", func(t *testing.T) {
		l := newLab(t, "", "name: loss, from: a, do: {drop: true}, at: 9s")
		l.datagrams(t, false).send(t, 50)
		_, because := l.receipts(t)
		require.Len(t, because, 1)
	})
}

// A selector that chose other packets than its decisions say, even if not one too many by chance.
func TestOtherPacketsThanDecidedMakeTheRunInvalid(t *testing.T) {
	for name, choose := range map[string]string{"per flow": "chance: 50%", "per link": "chance: 50%, per: link"} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "", "name: loss, from: a, do: {drop: true}, select: {"+choose+"}")
			l.datagrams(t, false).send(t, 1000)
			// had the selector been told another seed
			l.state.orders[0] = newOrders(l.state.orders[0].start, choice.Key(labSeed+1, "loss"))
			r, because := l.receipts(t)
			require.Len(t, because, 1)
			require.Regexp(t, `chose \d+ of 1000 packets, \d+ were to be`, because[0])
			require.Equal(t, []int64{448, 552}, r[0].Interval)
			require.GreaterOrEqual(t, r[0].Chosen, int64(448))
			require.LessOrEqual(t, r[0].Chosen, int64(552))
		})
	}
}

func TestLossThatNobodyAskedForIsFoundWithItsPlace(t *testing.T) {
	t.Run("within a fault's stage", func(t *testing.T) {
		l := newLab(t, "", "name: late, from: a, do: {delay: 1ms}")
		wire := l.links[0].Wire.Netlink()
		far, err := wire.LinkByName("a0o")
		require.NoError(t, err)
		require.NoError(t, wire.LinkSetDown(far))
		l.datagrams(t, false).send(t, 10)
		r, because := l.receipts(t)
		require.EqualValues(t, 10, r[0].UnexplainedLoss)
		require.Contains(t, strings.Join(because, "\n"),
			"fault late: 10 packets lost of 10 on a to b, for no reason that was asked for")
	})
	t.Run("on the last stretch", func(t *testing.T) {
		l := newLab(t, "")
		var a assembler
		a.verdict(verdictShot)
		thief, err := a.load("thief")
		require.NoError(t, err)
		defer thief.Close()
		link := l.links[0]
		require.NoError(t, l.wires[0].attachOnly(link.Wire.Netlink(), "thief", link.Ends[1].WireIndex, egress, thief))
		l.datagrams(t, false).send(t, 10)
		_, because := l.receipts(t)
		require.Equal(t, []string{"link a to b: 10 packets lost on the last stretch, for no reason that was asked for"},
			because)
	})
}

// Copies multiply a burst, and the machine bounds what may wait between two devices.
func TestLossInTheMachinesBacklogIsNamed(t *testing.T) {
	const setting = "/proc/sys/net/core/netdev_max_backlog"
	before, err := os.ReadFile(setting)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(setting, []byte("4"), 0))
	defer func() { require.NoError(t, os.WriteFile(setting, before, 0)) }()
	l := newLab(t, "", "name: dup, from: a, do: {duplicate: 16}")
	l.datagrams(t, false).send(t, 10)
	r, because := l.receipts(t)
	require.EqualValues(t, []int64{10, 170}, []int64{r[0].In, r[0].Out}, "copies do not wait in it")
	require.Len(t, because, 2)
	require.Regexp(t, `^link a to b: \d+ packets lost on the last stretch`, because[0])
	require.Contains(t, because[1], "raise net.core.netdev_max_backlog")
}

func TestAFullQueueOfStatedLengthDropsAndThatIsExplained(t *testing.T) {
	const n, queue = 200, 20
	for _, link := range []string{", rate: 100kbit, queue: 20", ", rate: 100kbit, delay: 50ms, queue: 20"} {
		t.Run(link, func(t *testing.T) {
			l := newLab(t, link)
			d := l.datagrams(t, false)
			d.send(t, n)
			_, because := l.receipts(t)
			require.Empty(t, because)
			got := d.received(t)
			require.GreaterOrEqual(t, len(got), queue)
			require.Less(t, len(got), n)
			stats, err := l.QdiscStats()
			require.NoError(t, err)
			require.EqualValues(t, n-len(got), stats[0].Drops)
		})
	}
}

func TestPacketsAfterTheReceiptAreNotCarried(t *testing.T) {
	l := newLab(t, "")
	d := l.datagrams(t, false)
	l.receipts(t)
	d.send(t, 10)
	_, because := l.receipts(t)
	require.Empty(t, because)
	require.Empty(t, d.received(t))
}

func TestReceiptsHeedTheContext(t *testing.T) {
	l := newLab(t, ", delay: 5s")
	l.datagrams(t, false).send(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := l.Receipts(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "wait for 1 packets on the wires")
}

func TestCloseLeavesTheNetworkAsItWas(t *testing.T) {
	l := newLab(t, ", delay: 5ms", "name: one, from: a, do: {drop: true}",
		"name: two, from: b, do: {duplicate: 2}, select: {chance: 50%}")
	require.NoError(t, l.Close())
	for _, n := range []*topology.Node{l.links[0].Wire, l.network.Node("a"), l.network.Node("b")} {
		links, err := n.Netlink().LinkList()
		require.NoError(t, err)
		want := 2 // lo and eth0
		if n == l.links[0].Wire {
			want = 3
		}
		require.Len(t, links, want, n.Name)
		for _, link := range links {
			qdiscs, err := n.Netlink().QdiscList(link)
			require.NoError(t, err)
			for _, q := range qdiscs {
				require.Equal(t, "noqueue", q.Type(), "%s/%s", n.Name, link.Attrs().Name)
			}
		}
	}
	require.NoError(t, l.Close(), "again")
}

func TestPreflightPassesHere(t *testing.T) { require.NoError(t, Preflight()) }
