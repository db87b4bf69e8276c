package fault

import (
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// listen opens a socket on port 80 of b.
func (l *lab) listen(t *testing.T, ipv6 bool) (listener net.Listener, address netip.Addr) {
	t.Helper()
	b := l.network.Node("b")
	address = b.Addr4()
	if ipv6 {
		address = b.Addr6()
	}
	require.NoError(t, b.Do(func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(address, 80).String())
		return err
	}))
	return listener, address
}

// transfer sends so many bytes over TCP from b to a and returns when a has them and both
// ends are closed.
func (l *lab) transfer(t *testing.T, size int, ipv6 bool) {
	t.Helper()
	a := l.network.Node("a")
	listener, address := l.listen(t, ipv6)
	defer listener.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_, err = c.Write(make([]byte, size))
			c.Close()
		}
		sent <- err
	}()
	var c net.Conn
	require.NoError(t, a.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		to := netip.AddrFrom16(address.As16())
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet6{Port: 80, Addr: to.As16()})
		}
		if err != nil {
			return err
		}
		c, err = fileConn(fd)
		return err
	}))
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	n, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.NoError(t, <-sent)
}

// Pure ACKs of a real connection, which have timestamps and, under loss, SACK blocks too:
// copied they do no harm, lost they are made up for, and the accounts balance.
func TestPureACKsOfARealConnection(t *testing.T) {
	const size = 300_000
	for name, c := range map[string]struct {
		faults []string
		ipv6   bool
	}{
		"copied":       {[]string{"name: acks, from: a, do: {duplicate: 3}, select: {packets: pure-ack, chance: 30%}"}, false},
		"copied, IPv6": {[]string{"name: acks, from: a, do: {duplicate: 3}, select: {packets: pure-ack, chance: 30%}"}, true},
		"lost":         {[]string{"name: acks, from: a, do: {drop: true}, select: {packets: pure-ack, chance: 30%}"}, false},
		"held back":    {[]string{"name: acks, from: a, do: {reorder: 3ms}, select: {packets: pure-ack, chance: 30%}"}, false},
		"copied, and data lost": {[]string{
			"name: acks, from: a, do: {duplicate: 3}, select: {packets: pure-ack, chance: 30%}",
			"name: loss, from: b, do: {drop: true}, select: {chance: 3%}",
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, ", delay: 1ms", c.faults...)
			l.transfer(t, size, c.ipv6)
			r, because := l.receipts(t)
			require.Empty(t, because)
			acks := r[0]
			// Of what a sends, only the SYN and the FIN are no pure ACKs. Either may be sent
			// again; the FIN may come when the wires are closed.
			require.Greater(t, acks.Matched, int64(20))
			require.GreaterOrEqual(t, acks.Matched, acks.In-6)
			require.LessOrEqual(t, acks.Matched, acks.In-1)
		})
	}
}

// The same run twice: what the faults chose is the same, packet by packet, for the flow has the same
// addresses and ports.
func TestAnotherFaultLeavesTheFirstOnesDecisionsAlone(t *testing.T) {
	const n = 2000
	loss := "name: loss, from: a, do: {drop: true}, select: {chance: 20%}"
	run := func(faults ...string) []int {
		l := newLab(t, ", delay: 1ms", faults...)
		d := l.datagrams(t, false)
		d.send(t, n)
		_, because := l.receipts(t)
		require.Empty(t, because)
		return d.received(t)
	}
	alone := run(loss)
	behind := run(loss, "name: late, from: a, do: {delay: 5ms}")
	require.Equal(t, alone, behind)
	before := run("name: late, from: a, do: {delay: 5ms}", loss)
	require.Equal(t, alone, before)
}

// An application may set mark and priority of its packets. Neither gets onto the wire,
// where they would mean something.
func TestMarkAndPriorityOfTheSenderMeanNothingOnTheWire(t *testing.T) {
	l := newLab(t, "", "name: dup, from: a, do: {duplicate: 1}, select: {chance: 50%}",
		"name: late, from: a, do: {drop: true}, select: {chance: 50%}")
	d := l.datagrams(t, false)
	require.NoError(t, unix.SetsockoptInt(d.from, unix.SOL_SOCKET, unix.SO_MARK, forgedMark))
	require.NoError(t, unix.SetsockoptInt(d.from, unix.SOL_SOCKET, unix.SO_PRIORITY, actingBand))
	d.send(t, 100)
	_, because := l.receipts(t)
	require.Empty(t, because)
	want, _ := copied(upTo(100), d.flow, decide("dup", .5), 1)
	want, _ = dropped(want, d.flow, decide("late", .5))
	require.Equal(t, want, d.received(t))
}

func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "tcp")
	defer f.Close()
	return net.FileConn(f)
}
