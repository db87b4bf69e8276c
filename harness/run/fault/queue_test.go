package fault

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
)

func TestAFaultsQueueIsItsOwnOrThatOfItsLinkOrNetems(t *testing.T) {
	rate, slot := scenario.Action{Rate: mbit}, scenario.Action{Slot: &scenario.Slot{Min: ms}}
	with := func(a scenario.Action, n int) scenario.Action { a.Queue = n; return a }
	for name, c := range map[string]struct {
		link   scenario.Link
		do     scenario.Action
		limit  uint32
		stated bool
	}{
		"rate with one":                   {scenario.Link{Queue: 7}, with(rate, 3), 3, true},
		"rate on a link with one":         {scenario.Link{Queue: 7}, rate, 7, true},
		"rate without":                    {scenario.Link{}, rate, 1000, false},
		"slot with one":                   {scenario.Link{}, with(slot, 3), 3, true},
		"slot on a link with one":         {scenario.Link{Queue: 7, Rate: mbit}, slot, 7, true},
		"slot without":                    {scenario.Link{}, slot, 1000, false},
		"a delay holds as long as it has": {scenario.Link{Queue: 7}, scenario.Action{Delay: ms}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.link.Between = [2]string{"a", "b"}
			for _, steps := range []int{1, 4} {
				f := scenario.Fault{Name: "f", Link: c.link.Between, From: "a", Do: c.do}
				if steps > 1 {
					if c.do.Rate == 0 {
						continue
					}
					f.Ramp = &scenario.Ramp{Over: 1000 * ms, Steps: steps, Rate: mbit / 10}
				}
				p, err := newPlan(&scenario.Scenario{Links: []scenario.Link{c.link}, Faults: []scenario.Fault{f}})
				require.NoError(t, err)
				st := &p.paths[0].stages[0]
				require.Equal(t, c.limit, st.queue)
				require.Equal(t, c.stated, st.stated)
				require.Len(t, st.netems, steps)
				for _, q := range st.netems {
					if c.limit > 0 {
						require.Equal(t, c.limit, q.Limit)
					} else {
						require.GreaterOrEqual(t, q.Limit, uint32(slack))
					}
				}
			}
		})
	}
}

// The queue holds q packets, the one that is being sent included: of n that come at once, n - q find no room. Which
// these are, and that the others arrive in their order, is what a queue is.
func TestWhatAFaultsQueueHasNoRoomForIsItsDoing(t *testing.T) {
	const n = 50
	for name, c := range map[string]struct {
		link, fault string
		q           int
	}{
		"of its own":                 {"", "do: {rate: 20kbit, queue: 5}", 5},
		"of one":                     {"", "do: {rate: 20kbit, queue: 1}", 1},
		"of its link":                {", queue: 8", "do: {rate: 20kbit}", 8},
		"of its own, not the link's": {", queue: 8, delay: 1ms", "do: {rate: 20kbit, queue: 6}", 6},
		"slot":                       {"", "do: {slot: {min: 50ms, packets: 1}, queue: 5}", 5},
		"ramp":                       {"", "do: {rate: 20kbit, queue: 5}, ramp: {over: 5s, steps: 3, rate: 10kbit}", 5},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, c.link, "name: narrow, from: a, "+c.fault)
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			got := d.received(t)
			require.Equal(t, upTo(c.q), got)
			require.Equal(t, result.Receipt{
				Name: "narrow", Matched: n, Chosen: n, Delivered: int64(c.q), In: n, Out: int64(c.q), Overlimits: int64(n - c.q),
			}, counts(r[0]))
			require.EqualValues(t, c.q, r[0].Queue)
		})
	}
}

func TestAFullQueueThatNobodyStatedMakesTheRunInvalid(t *testing.T) {
	const n, usual = 1100, 1000
	l := newLab(t, "", "name: narrow, from: a, do: {rate: 1mbit}")
	l.datagrams(t, false).send(t, n)
	r, because := l.receipts(t)
	require.EqualValues(t, usual, r[0].Queue)
	require.Positive(t, r[0].Overlimits)
	require.LessOrEqual(t, r[0].Overlimits, int64(n-usual))
	require.Contains(t, because, fmt.Sprintf("fault narrow: its queue of 1000 packets overflowed: %d dropped; "+
		"state its length with the key queue, if that is meant", r[0].Overlimits))
}

// What a link's own queue has no room for is told by the receipts of the faults before it, in their direction, and by
// that of the link.
func TestWhatALinksQueueHasNoRoomForIsTold(t *testing.T) {
	const n, q = 50, 10
	for _, link := range []string{", rate: 20kbit, queue: 10", ", rate: 20kbit, delay: 20ms, queue: 10",
		", delay: 100ms, queue: 10"} {
		t.Run(link, func(t *testing.T) {
			l := newLab(t, link, "name: seen, from: a, do: watch", "name: back, from: b, do: watch", "name: both, do: watch",
				"name: gone, from: a, select: {nth: 1}, do: drop")
			d := l.datagrams(t, false)
			d.send(t, n)
			d.reversed().send(t, 3)
			r, because := l.receipts(t)
			require.Empty(t, because)
			const lost = n - 1 - q
			require.Equal(t, upTo(q + 1)[1:], d.received(t), "the first was dropped by a fault, and is no loss of the queue's")
			for i, want := range []int64{lost, 0, lost, lost} {
				require.Equal(t, want, r[i].LostInQueue, r[i].Name)
				require.Zero(t, r[i].UnexplainedLoss, r[i].Name)
			}
			require.Equal(t, []result.LinkReceipt{
				{Between: [2]string{"a", "b"}, From: "a", In: n, Out: q, Queue: q, LostInQueue: lost},
				{Between: [2]string{"a", "b"}, From: "b", In: 3, Out: 3, Queue: q},
			}, l.Links())
		})
	}
}

func TestQueuesAreThoseInWhichPacketsWaitForTheirTurn(t *testing.T) {
	for _, c := range []struct {
		link  string
		names []string
	}{
		{"", nil},
		{", delay: 5ms", nil},
		{", delay: 5ms, queue: 10", []string{"link.a-b.from.a", "link.a-b.from.b"}},
		{", rate: 1mbit", []string{"link.a-b.from.a", "link.a-b.from.b"}},
		{", rate: 1mbit, queue: 5", []string{"link.a-b.from.a", "link.a-b.from.b"}},
	} {
		l := newLab(t, c.link)
		var names []string
		for _, q := range l.Queues() {
			names = append(names, q.Name)
			require.Equal(t, l.links[0].Wire.Inode(), q.Inode)
			device, err := l.links[0].Wire.Netlink().LinkByIndex(q.Index)
			require.NoError(t, err)
			list, err := l.links[0].Wire.Netlink().QdiscList(device)
			require.NoError(t, err)
			require.Contains(t, kindsOf(list), "netem", device.Attrs().Name)
		}
		require.Equal(t, c.names, names, c.link)
		require.NoError(t, l.Close())
	}
	l := newLab(t, ", rate: 1mbit, queue: 5",
		"name: narrow, do: {rate: 100kbit}, ramp: {over: 1s, steps: 2, rate: 50kbit}",
		"name: late, from: a, do: {delay: 5ms}")
	var names []string
	for _, q := range l.Queues() {
		names = append(names, q.Name)
	}
	require.Equal(t, []string{"link.a-b.from.a", "fault.narrow", "link.a-b.from.b", "fault.narrow"}, names)
}

func kindsOf(list []netlink.Qdisc) (kinds []string) {
	for _, q := range list {
		kinds = append(kinds, q.Type())
	}
	return kinds
}

// A packet that the machine's backlog has no room for on its way from the node's device to the wire's is seen by no
// program. Answers of 14 fragments go there at once.
//
// The request's fragments go one by one. But if a timer fires meanwhile, the kernel may leave them to ksoftirqd, and
// then there is no room for them either. So the test asks again, on another network.
func TestWhatIsLostBeforeTheWireIsTold(t *testing.T) {
	const (
		setting = "/proc/sys/net/core/netdev_max_backlog"
		room    = 6 // one more than the setting
		parts   = 14
		length  = parts*(1500-20) - 1000 // of the ICMP message
	)
	before, err := os.ReadFile(setting)
	require.NoError(t, err)
	echo := make([]byte, length)
	echo[0] = 8
	binary.BigEndian.PutUint16(echo[2:], ^uint16(8<<8)) // the checksum: all else is 0
	ask := func() (result.Receipt, []string) {
		l := newLab(t, "", "name: seen, from: b, do: watch")
		var fd int
		require.NoError(t, l.network.Node("a").Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
			return err
		}))
		defer unix.Close(fd)
		require.NoError(t, os.WriteFile(setting, []byte("5"), 0))
		defer func() { require.NoError(t, os.WriteFile(setting, before, 0)) }()
		require.NoError(t, unix.Sendto(fd, echo, 0, &unix.SockaddrInet4{Addr: l.network.Node("b").Addr4().As4()}))
		r, because := l.receipts(t)
		return r[0], because
	}
	r, because := ask()
	for again := 0; again < 4 && strings.Contains(strings.Join(because, "\n"), "link a to b"); again++ {
		t.Log("the request was lost: ", because)
		r, because = ask()
	}
	require.EqualValues(t, room, r.In)
	require.Len(t, because, 2)
	var lost int // newer kernels tell the sender of the first, who sends no further one
	_, err = fmt.Sscanf(because[0], "link b to a: %d packets lost before the link, for no reason that was asked for",
		&lost)
	require.NoError(t, err, because[0])
	require.Contains(t, []int{1, parts - room}, lost)
	require.Contains(t, because[1],
		fmt.Sprintf("the machine's backlog between devices overflowed and lost %d packets", lost))
}
