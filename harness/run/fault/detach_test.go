package fault

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// netstat reads one TcpExt counter of a node, by the line of names and the line of values.
func (l *lab) netstat(t *testing.T, node, counter string) (value string) {
	t.Helper()
	require.NoError(t, l.network.Node(node).Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netstat")
		var names []string
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			if fields[0] != "TcpExt:" {
				continue
			}
			if names == nil {
				names = fields
				continue
			}
			for i, n := range names {
				if n == counter {
					value = fields[i]
				}
			}
		}
		return err
	}))
	return value
}

// A segment that a link holds for 2 s is sent again long before.
func TestASegmentThatIsHeldIsSentAgain(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		l := newLab(t, "", "name: hold, from: b, do: {delay: 2s}, select: {packets: data, nth: 1}")
		began := clock(t)
		l.transfer(t, 1000, ipv6)
		require.Less(t, clock(t)-began, int64(1e9), "the segment was sent again")
		require.Equal(t, "0", l.netstat(t, "b", heldBack))
		_, because := l.receipts(t)
		require.Empty(t, because)
	}
}

const heldBack = "TCPSpuriousRtxHostQueues"

// With the very same netem on the sender's own device, where packets still have their socket, it is not sent again, and
// the counter moves. So what the link does about that can be seen to matter, on each kernel.
func TestASegmentThatItsOwnHostHoldsIsNotSentAgain(t *testing.T) {
	l := newLab(t, "")
	listener, address := l.listen(t, false)
	defer listener.Close()
	var client net.Conn
	require.NoError(t, l.network.Node("a").Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: 80, Addr: address.As4()})
		}
		if err == nil {
			client, err = fileConn(fd)
		}
		return err
	}))
	defer client.Close()
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	b := l.links[0].Ends[1]
	require.NoError(t, b.Node.Do(func() error {
		conn, err := netem.Open()
		if err != nil {
			return err
		}
		defer conn.Close()
		return conn.Add(b.Index, rootHandle, netem.Root, netem.Qdisc{Latency: 2 * time.Second, Limit: 1000})
	}))
	began := clock(t)
	_, err = server.Write(make([]byte, 1000))
	require.NoError(t, err)
	_, err = io.ReadFull(client, make([]byte, 1000))
	require.NoError(t, err)
	require.GreaterOrEqual(t, clock(t)-began, int64(2e9))
	require.NotEqual(t, "0", l.netstat(t, "b", heldBack))
	require.NoError(t, removeNetem(b.Node.Netlink(), "b", b.Index))
}

// A socket that may have 8 kB in the machine's queues sends a hundred times that while a slot is shut.
func TestASlotDoesNotFillTheSendersBuffer(t *testing.T) {
	l := newLab(t, "", "name: turns, from: a, do: {slot: {min: 1s, max: 1s}}")
	d := l.datagrams(t, false)
	require.NoError(t, unix.SetsockoptInt(d.from, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<10))
	began := clock(t)
	d.send(t, 400) // does not block, so a full buffer is an error
	require.Less(t, clock(t)-began, int64(500e6), "all of it before the slot opens")
	_, because := l.receipts(t)
	require.Empty(t, because)
	require.Len(t, d.received(t), 400)
}
