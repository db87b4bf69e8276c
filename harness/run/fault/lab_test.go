package fault

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// lab is two hosts, a and b, a link between them and the faults on it.
type lab struct {
	*Wires
	network  *topology.Network
	plan     *plan
	scenario *scenario.Scenario
}

const labSeed = 7

// newLab builds a lab and arms its faults for now.
func newLab(t *testing.T, link string, faults ...string) *lab {
	t.Helper()
	l := buildLab(t, link, faults...)
	require.NoError(t, l.Arm(clock(t), labSeed))
	return l
}

func buildLab(t testing.TB, link string, faults ...string) *lab {
	t.Helper()
	return buildCapturingLab(t, Capture{}, link, faults...)
}

func buildCapturingLab(t testing.TB, c Capture, link string, faults ...string) *lab {
	t.Helper()
	text := "version: 1\nname: lab\nduration: 10s\nnodes: {a: {}, b: {}}\nlinks:\n  - {between: [a, b]" + link + "}\n"
	if len(faults) > 0 {
		text += "faults:\n"
	}
	for _, f := range faults {
		text += "  - {link: [a, b], " + f + "}\n"
	}
	return installLab(t, c, text)
}

// installLab builds any scenario with a link.
func installLab(t testing.TB, c Capture, text string) *lab {
	t.Helper()
	s, err := scenario.Parse("lab.yaml", []byte(text), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	n, err := topology.Build(ctx, s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	w, err := InstallCapturing(ctx, n, s, c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return &lab{w, n, w.plan, s}
}

func clock(t testing.TB) int64 {
	t.Helper()
	now, err := monotonic()
	require.NoError(t, err)
	return now
}

// await sleeps until a time, in ns of CLOCK_MONOTONIC. In the guest that costs nothing.
func await(t *testing.T, at int64) {
	t.Helper()
	until := unix.NsecToTimespec(at)
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
		if err != unix.EINTR {
			require.NoError(t, err)
			return
		}
	}
}

// datagrams is a UDP socket on each node, that of a connected to that of b.
type datagrams struct {
	from, to int
	flow     flow // as sent by a
	back     flow // as sent by b
}

func (l *lab) datagrams(t testing.TB, ipv6 bool) *datagrams {
	t.Helper()
	d := &datagrams{}
	open := func(node string, port uint16) (fd int, address unix.Sockaddr, raw []byte) {
		n := l.network.Node(node)
		err := n.Do(func() (err error) {
			var a netip.Addr
			if ipv6 {
				a = n.Addr6()
				address = &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
				fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			} else {
				a = n.Addr4()
				address = &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
				fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			}
			raw = a.AsSlice()
			return err
		})
		require.NoError(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20))
		require.NoError(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
		require.NoError(t, unix.Bind(fd, address))
		return fd, address, raw
	}
	var source, target unix.Sockaddr
	var rawSource, rawTarget []byte
	d.from, source, rawSource = open("a", 1000)
	d.to, target, rawTarget = open("b", 2000)
	require.NoError(t, unix.Connect(d.from, target))
	require.NoError(t, unix.Connect(d.to, source))
	d.flow = newFlow(rawSource, rawTarget, 1000, 2000)
	d.back = newFlow(rawTarget, rawSource, 2000, 1000)
	return d
}

// reversed is the same two sockets, from b to a.
func (d *datagrams) reversed() *datagrams { return &datagrams{d.to, d.from, d.back, d.flow} }

func newFlow(source, target []byte, from, to uint16) (f flow) {
	copy(f[0:], source)
	copy(f[16:], target)
	binary.BigEndian.PutUint16(f[32:], from)
	binary.BigEndian.PutUint16(f[34:], to)
	f[36], f[37] = protoUDP, 4
	if len(source) == 16 {
		f[37] = 6
	}
	return f
}

// send sends datagrams numbered from 0 to n-1.
func (d *datagrams) send(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		_, err := unix.Write(d.from, binary.BigEndian.AppendUint32(nil, uint32(i)))
		require.NoError(t, err)
	}
}

// received returns the numbers of the datagrams that have come, in order.
func (d *datagrams) received(t *testing.T) (list []int) {
	t.Helper()
	for b := make([]byte, 16); ; {
		n, err := unix.Read(d.to, b)
		if err == unix.EAGAIN {
			return list
		}
		require.NoError(t, err)
		require.Equal(t, 4, n)
		list = append(list, int(binary.BigEndian.Uint32(b)))
	}
}

// stamps returns when the datagrams that have come were received, by the kernel, in ns.
func (d *datagrams) stamps(t *testing.T) (list []int64) {
	t.Helper()
	buffer, control := make([]byte, 64), make([]byte, 128)
	for {
		_, size, _, _, err := unix.Recvmsg(d.to, buffer, control, 0)
		if err == unix.EAGAIN {
			return list
		}
		require.NoError(t, err)
		list = append(list, stamp(t, control[:size]))
	}
}

// stamp is the time in a message of the kind SCM_TIMESTAMPNS.
func stamp(t *testing.T, control []byte) int64 {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(control)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	at := *(*unix.Timespec)(unsafe.Pointer(&messages[0].Data[0]))
	return at.Nano()
}

// settle returns when no packet has moved for a while.
func (l *lab) settle(t *testing.T) {
	t.Helper()
	for last, same := counters(nil), 0; same < still; same++ {
		s, err := l.snapshot()
		require.NoError(t, err)
		if !slices.Equal(s.counters, last) || s.waiting() > 0 {
			last, same = s.counters, 0
		}
		await(t, clock(t)+int64(poll))
	}
}

func (l *lab) receipts(t *testing.T) ([]result.Receipt, []string) {
	t.Helper()
	r, because, err := l.Receipts(context.Background())
	require.NoError(t, err)
	return r, texts(because)
}

// newDecision is that of a fault with a chance and nothing else.
func newDecision(seed uint64, fault string, chance float64) decision {
	share := scenario.Share(chance)
	return decision{choice.Key(seed, fault), newDraws(&scenario.Fault{Select: scenario.Select{Chance: &share}}, 0)}
}

// decide is the Go twin of a fault of the lab.
func decide(name string, chance float64) decision { return newDecision(labSeed, name, chance) }

// dropped is what is left of a sequence of a flow's packets when the chosen are dropped.
func dropped(in []int, f flow, d decision) (out []int, chosen int64) {
	for n, i := range in {
		if d.chosen(f, uint64(n)) {
			chosen++
		} else {
			out = append(out, i)
		}
	}
	return out, chosen
}

// copied is a sequence in which the chosen packets are followed by so many copies.
func copied(in []int, f flow, d decision, copies int) (out []int, chosen int64) {
	for n, i := range in {
		out = append(out, i)
		if d.chosen(f, uint64(n)) {
			chosen++
			for range copies {
				out = append(out, i)
			}
		}
	}
	return out, chosen
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// counts drops the fields that say more than how many packets there were; they have tests of their own.
func counts(r result.Receipt) result.Receipt {
	r.Interval, r.Kinds, r.Times, r.DeliveredInterval, r.Queue = nil, nil, nil, nil, 0
	return r
}
