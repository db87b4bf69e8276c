package fault

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/forge"
	"github.com/ruleout/ruleout/harness/scenario"
)

// injectionLab is a lab whose one fault injects what is told into the flow from a to b.
func injectionLab(t *testing.T, timestamps bool, inject string) *lab {
	t.Helper()
	return capturingInjectionLab(t, Capture{}, timestamps, inject)
}

func capturingInjectionLab(t *testing.T, c Capture, timestamps bool, inject string) *lab {
	t.Helper()
	stamps := map[bool]string{false: "0", true: "1"}[timestamps]
	node := "{sysctls: {net.ipv4.tcp_timestamps: " + stamps + "}}"
	return installLab(t, c, "version: 1\nname: lab\nduration: 10s\nnodes: {a: "+node+", b: "+node+"}\n"+
		"links: [{between: [a, b], delay: 1ms}]\nflows: {conn: {from: a, to: b}}\n"+
		"faults: [{name: forge, link: [a, b], do: {inject: {flow: conn, "+inject+"}}}]\n")
}

// pair of sockets at the two ends of a connection from a to b.
type sockets struct{ a, b *net.TCPConn }

func (l *lab) connect(t *testing.T, ipv6 bool) sockets {
	t.Helper()
	listener, _ := l.listen(t, ipv6)
	defer listener.Close()
	var s sockets
	require.NoError(t, l.network.Node("a").Do(func() error {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			s.a = c.(*net.TCPConn)
		}
		return err
	}))
	t.Cleanup(func() { s.a.Close() })
	c, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	s.b = c.(*net.TCPConn)
	return s
}

// talk sends so many bytes each way, and waits until each end has acknowledged all that it has.
func (s sockets) talk(t *testing.T, bytes int) {
	t.Helper()
	for _, way := range [][2]*net.TCPConn{{s.a, s.b}, {s.b, s.a}} {
		_, err := way[0].Write(make([]byte, bytes))
		require.NoError(t, err)
		_, err = io.ReadFull(way[1], make([]byte, bytes))
		require.NoError(t, err)
	}
	for _, c := range []*net.TCPConn{s.a, s.b} {
		for unacknowledged(t, c) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func control(t *testing.T, c syscall.Conn, f func(fd int) error) {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var inner error
	require.NoError(t, raw.Control(func(fd uintptr) { inner = f(int(fd)) }))
	require.NoError(t, inner)
}

func unacknowledged(t *testing.T, c *net.TCPConn) (n uint32) {
	t.Helper()
	control(t, c, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = info.Unacked
		}
		return err
	})
	return n
}

// numbers are the sequence number that a socket sends next and the one that it expects next, as the kernel has
// them: tcp(7), TCP_REPAIR.
func numbers(t *testing.T, c *net.TCPConn) (next, expected uint32) {
	t.Helper()
	const receiveQueue, sendQueue = 1, 2
	control(t, c, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1); err != nil {
			return err
		}
		for queue, to := range map[int]*uint32{sendQueue: &next, receiveQueue: &expected} {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, queue); err != nil {
				return err
			}
			n, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
			if err != nil {
				return err
			}
			*to = uint32(n)
		}
		const offNoProbe = -1 // off, without a window probe that would be a packet more
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, offNoProbe)
	})
	return next, expected
}

// inject arms the lab and waits until its one injector is through.
func (l *lab) inject(t *testing.T) {
	t.Helper()
	require.NoError(t, l.Arm(clock(t), labSeed))
	<-l.injectors[0].actor.Done
	require.NoError(t, l.injectors[0].actor.Failed)
}

// What is forged is taken by the receiver as the next that it expects, to the byte: it
// delivers it to the application, and its own numbers move by so much.
func TestForgedSegmentsAreTaken(t *testing.T) {
	for _, c := range []struct {
		ipv6, timestamps bool
		talk             int
	}{{false, false, 5}, {false, true, 5}, {true, false, 5}, {true, true, 5}, {false, true, 0}, {true, true, 100_000}} {
		t.Run(fmt.Sprintf("IPv6 %t, timestamps %t, after %d bytes", c.ipv6, c.timestamps, c.talk), func(t *testing.T) {
			l := injectionLab(t, c.timestamps, "segments: [{to: b, flags: psh+ack, payload: 7B}, {to: a, payload: 100B}]")
			s := l.connect(t, c.ipv6)
			s.talk(t, c.talk)
			nextA, expectedA := numbers(t, s.a)
			nextB, expectedB := numbers(t, s.b)
			require.Equal(t, nextA, expectedB)
			require.Equal(t, nextB, expectedA)
			l.inject(t)
			for _, c := range []struct {
				conn *net.TCPConn
				want int
			}{{s.b, 7}, {s.a, 100}} {
				require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(5*time.Second)))
				b := make([]byte, 200)
				n, err := c.conn.Read(b)
				require.NoError(t, err)
				require.Equal(t, make([]byte, c.want), b[:n])
			}
			_, now := numbers(t, s.b)
			require.Equal(t, expectedB+7, now)
			_, now = numbers(t, s.a)
			require.Equal(t, expectedA+100, now)

			r, because := l.receipts(t)
			require.Empty(t, because)
			require.EqualValues(t, 1, r[0].Matched)
			require.EqualValues(t, 1, r[0].Chosen)
			require.EqualValues(t, 2, r[0].Delivered)
			require.Equal(t, r[0].In+2, r[0].Out)
			from, to := s.a.LocalAddr().String(), s.b.LocalAddr().String()
			require.Len(t, r[0].Forged, 2)
			for i := range r[0].Forged {
				require.Greater(t, r[0].Forged[i].At, 0.)
				require.Less(t, r[0].Forged[i].At, 1.)
				r[0].Forged[i].At = 0
			}
			require.Equal(t, []result.Forged{
				{From: from, To: to, Seq: expectedB, Ack: nextB, Flags: "psh+ack", Payload: 7, Count: 1},
				{From: to, To: from, Seq: expectedA, Ack: nextA, Flags: "ack", Payload: 100, Count: 1},
			}, r[0].Forged)
		})
	}
}

// The loop of the incident, in small: each end answers the other's acknowledgement of what
// was never sent, unless a limit keeps it from doing so. The gate ends it.
func TestTwoForgedSegmentsStartALoop(t *testing.T) {
	repeated := func(limit string) int64 {
		node := "{sysctls: {net.ipv4.tcp_invalid_ratelimit: " + limit + "}}"
		l := installLab(t, Capture{}, "version: 1\nname: lab\nduration: 10s\nnodes: {a: "+node+", b: "+node+"}\n"+
			"links: [{between: [a, b], delay: 20us}]\nflows: {conn: {from: a, to: b}}\nfaults:\n"+
			"- {name: forge, link: [a, b], do: {inject: {flow: conn, segments: [{to: b, payload: 1B}, "+
			"{to: a, payload: 1B}]}}}\n"+
			"- {name: loop, link: [a, b], select: {packets: dup-ack}, do: watch}\n")
		l.connect(t, false).talk(t, 5)
		l.inject(t)
		time.Sleep(400 * time.Millisecond) // of virtual time
		r, because := l.receipts(t)
		require.Empty(t, because)
		return r[1].Matched
	}
	with, without := repeated("500"), repeated("0")
	t.Logf("%d repeated ACKs with a limit, %d without", with, without)
	require.Greater(t, without, 1000*with)
}

func TestNumbersAndCountsOfASegmentAreWhatIsAsked(t *testing.T) {
	l := injectionLab(t, true,
		"segments: [{to: b, flags: ack+ece, seq: -1, ack: 1000, count: 3}, {to: a, flags: ack, seq: 70000}]")
	s := l.connect(t, false)
	s.talk(t, 5)
	nextA, expectedA := numbers(t, s.a)
	nextB, expectedB := numbers(t, s.b)
	l.inject(t)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, 4, r[0].Delivered)
	require.Len(t, r[0].Forged, 2)
	first, second := r[0].Forged[0], r[0].Forged[1]
	require.Equal(t, []uint32{expectedB - 1, nextB + 1000, expectedA + 70000, nextA},
		[]uint32{first.Seq, first.Ack, second.Seq, second.Ack})
	require.Equal(t, []int{3, 1}, []int{first.Count, second.Count})
}

// A connection that was opened first is the first to get segments, even if it was silent since.
func TestConnectionsAreChosenInTheOrderOfTheirSYNs(t *testing.T) {
	l := injectionLab(t, true, "connections: 2, segments: [{to: b}]")
	var all []sockets
	for i := range 5 {
		all = append(all, l.connect(t, i == 1))
	}
	for i := len(all) - 1; i >= 0; i-- {
		all[i].talk(t, 5)
	}
	require.NoError(t, all[0].a.Close()) // no longer open: the two after it are next
	require.NoError(t, all[0].b.Close())
	time.Sleep(20 * time.Millisecond) // of virtual time: the FIN is under way
	l.inject(t)
	r, because := l.receipts(t)
	require.Empty(t, because)
	require.EqualValues(t, 4, r[0].Matched)
	require.EqualValues(t, 2, r[0].Chosen)
	require.Equal(t, []string{all[1].a.LocalAddr().String(), all[2].a.LocalAddr().String()},
		[]string{r[0].Forged[0].From, r[0].Forged[1].From})
}

func TestInjectIntoAClosedFlowIsInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*testing.T, *lab)
		want   string
	}{
		"nothing was ever open": {func(*testing.T, *lab) {}, "fault forge: the flow conn had no open connection at 0s: " +
			"the link has seen 0 connections opened and 0 closed on its port"},
		"closed by FIN": {func(t *testing.T, l *lab) {
			s := l.connect(t, false)
			s.talk(t, 5)
			require.NoError(t, s.a.CloseWrite())
			_, err := io.ReadAll(s.b)
			require.NoError(t, err)
		}, "fault forge: the flow conn had no open connection at 0s: " +
			"the link has seen 1 connections opened and 1 closed on its port"},
		"closed by RST": {func(t *testing.T, l *lab) {
			s := l.connect(t, true)
			s.talk(t, 5)
			require.NoError(t, s.b.SetLinger(0))
			require.NoError(t, s.b.Close())
			_, err := io.ReadAll(s.a)
			require.Error(t, err)
		}, "fault forge: the flow conn had no open connection at 0s: " +
			"the link has seen 1 connections opened and 1 closed on its port"},
	} {
		t.Run(name, func(t *testing.T) {
			l := injectionLab(t, true, "segments: [{to: b}]")
			c.before(t, l)
			l.inject(t)
			r, because := l.receipts(t)
			require.Equal(t, []string{c.want}, because)
			require.Zero(t, r[0].Delivered)
		})
	}
}

func TestAnInjectionThatDidNotComeIsMissed(t *testing.T) {
	l := injectionLab(t, true, "segments: [{to: b}]")
	l.connect(t, false)
	require.NoError(t, l.Arm(clock(t)+int64(time.Hour), labSeed))
	_, because := l.receipts(t)
	require.Equal(t, []string{"fault forge: it injected 0 times, 1 were asked for"}, because)
}

// A segment whose timestamp is old is refused (PAWS, RFC 7323, 5), and a connection without timestamps cannot have one.
func TestForgedSegmentsOfAnAge(t *testing.T) {
	for _, timestamps := range []bool{true, false} {
		l := injectionLab(t, timestamps, "segments: [{to: b, payload: 1B, age: 10s}]")
		s := l.connect(t, false)
		s.talk(t, 5)
		_, before := numbers(t, s.b)
		l.inject(t)
		_, after := numbers(t, s.b)
		require.Equal(t, before, after)
		in := l.injectors[0]
		if timestamps {
			require.Empty(t, in.trouble)
			require.Len(t, in.forged, 1)
		} else {
			require.Empty(t, in.forged)
			require.Len(t, in.trouble, 1)
			require.Contains(t, in.trouble[0].Text, "can be 10s old: the connection has no timestamps")
		}
	}
}

func TestDisguise(t *testing.T) {
	zero := 0
	g := &forge.Segment{Window: 501, Timestamps: &forge.Timestamps{Value: 5, Echo: 7}}
	require.Empty(t, disguise(g, &scenario.Segment{}))
	require.Equal(t, &forge.Segment{Window: 501, Timestamps: &forge.Timestamps{Value: 5, Echo: 7}}, g)
	require.Empty(t, disguise(g, &scenario.Segment{Window: &zero, Age: 10_000_000}))
	require.Equal(t, &forge.Segment{Timestamps: &forge.Timestamps{Value: 0xffff_fffb, Echo: 7}}, g, "timestamps wrap")
}
