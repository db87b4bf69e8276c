package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// setTOS sets the traffic class of what a socket sends from now on.
func setTOS(t *testing.T, fd int, ipv6 bool, class int) {
	t.Helper()
	if ipv6 {
		require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class))
	} else {
		require.NoError(t, unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, class))
	}
}

// The receiving kernel counts as many packets with CE as the receipt says, finds their headers sound, and its own
// fields agree about the rest. Packets that are not ECT do not match.
func TestMarkedPacketsReachTheirReceiverWithCE(t *testing.T) {
	const n, dscp = 400, 46 << 2
	for name, ipv6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, ", delay: 1ms", "name: marks, from: a, do: {mark: ce}, select: {packets: udp, chance: 25%}",
				"name: after, from: a, do: watch, select: {packets: udp, ecn: ce, dscp: 46}")
			d := l.datagrams(t, ipv6)
			for field := range 3 { // Not-ECT, ECT(1), ECT(0)
				setTOS(t, d.from, ipv6, dscp|field)
				d.send(t, n)
			}
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Len(t, d.received(t), 3*n)
			want := decide("marks", .25)
			want.limits = []uint64{limit(.25)}
			_, chosen := dropped(upTo(2*n), d.flow, want)
			require.Equal(t, []int64{2 * n, chosen, chosen}, []int64{r[0].Matched, r[0].Chosen, r[0].Delivered})
			require.Equal(t, chosen, r[1].Matched, "a selector by CE and DSCP sees them behind it")
			counters, group := l.counters(t, "b"), "IpExt."
			if ipv6 {
				group = "Icmp6.Ip6"
			}
			require.Equal(t, chosen, counters[group+"InCEPkts"], "%v", counters)
			require.EqualValues(t, 2*n-chosen, counters[group+"InECT0Pkts"]+counters[group+"InECT1Pkts"])
			require.Zero(t, counters["Ip.InHdrErrors"])
			require.Zero(t, counters["IpExt.InCsumErrors"])
		})
	}
}

// Marks that a queue in front has made are not counted as the fault's.
func TestMarksOfOthersAreNotCounted(t *testing.T) {
	const n = 50
	l := newLab(t, "", "name: first, from: a, do: {mark: ce}, select: {every: 2}", "name: second, from: a, do: {mark: ce}")
	d := l.datagrams(t, false)
	setTOS(t, d.from, false, 2)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, []int64{n / 2, n / 2, n / 2},
		[]int64{r[0].Delivered, r[1].Matched, r[1].Delivered})
	require.EqualValues(t, n, l.counters(t, "b")["IpExt.InCEPkts"])
}

func TestNothingToMarkMakesARunInvalid(t *testing.T) {
	l := newLab(t, "", "name: marks, from: a, do: {mark: ce}")
	d := l.datagrams(t, false)
	d.send(t, 3)
	_, because := l.receipts(t)
	require.Len(t, because, 1)
	require.Contains(t, because[0], "the fault never acted: 0 of")
}
