package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/cgroup"
)

// bench is two namespaces with a veth pair between them and a control group each, as a
// run has for two nodes with a link.
type bench struct {
	a, b *side
}

type side struct {
	Target
	ns      netns.NsHandle
	links   *netlink.Handle
	address string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Cleanup(func() { goleak.VerifyNone(t) })
	}
	root, err := cgroup.Root()
	require.NoError(t, err)
	make := func(name, address string) *side {
		s := &side{address: address}
		group, err := cgroup.Create(root, name)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, group.Close()) })
		require.NoError(t, onThread(func() (err error) {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			s.ns, err = netns.Get()
			return err
		}))
		t.Cleanup(func() { require.NoError(t, s.ns.Close()) })
		var stat unix.Stat_t
		require.NoError(t, unix.Fstat(int(s.ns), &stat))
		s.Target = Target{Name: name, Inode: stat.Ino, Group: group, Do: func(f func() error) error {
			return onThread(func() error { return errors.Join(netns.Set(s.ns), f()) })
		}}
		return s
	}
	k := &bench{make("a", "10.0.0.1"), make("b", "10.0.0.2")}
	for _, s := range []*side{k.a, k.b} {
		var err error
		s.links, err = netlink.NewHandleAt(s.ns, unix.NETLINK_ROUTE)
		require.NoError(t, err)
		t.Cleanup(s.links.Close)
	}
	require.NoError(t, k.a.links.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(k.b.ns)),
	}))
	for _, s := range []*side{k.a, k.b} {
		address, err := netlink.ParseAddr(s.address + "/24")
		require.NoError(t, err)
		require.NoError(t, s.links.AddrAdd(s.device(t), address))
		require.NoError(t, s.links.LinkSetUp(s.device(t)))
	}
	k.a.neighbour(t, k.b, k.b.device(t).Attrs().HardwareAddr)
	k.b.neighbour(t, k.a, k.a.device(t).Attrs().HardwareAddr)
	return k
}

func (s *side) device(t testing.TB) netlink.Link {
	t.Helper()
	l, err := s.links.LinkByName("eth0")
	require.NoError(t, err)
	return l
}

// neighbour tells the side where another one is.
func (s *side) neighbour(t testing.TB, other *side, at net.HardwareAddr) {
	t.Helper()
	require.NoError(t, s.links.NeighSet(&netlink.Neigh{
		LinkIndex: s.device(t).Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(other.address), HardwareAddr: at,
	}))
}

// onThread calls f on a thread that ends with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// record attaches a probe to both sides.
func (k *bench) record(t testing.TB, interval time.Duration) *Probe {
	t.Helper()
	looks := int64(0)
	p, err := New(Options{Nodes: []Target{k.a.Target, k.b.Target}, Interval: interval,
		Arrived: func(counts []int64) error {
			looks++
			counts[0], counts[1] = 5*looks, 0
			return nil
		}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// start begins a window soon and returns when the first sample has been taken.
func start(t testing.TB, p *Probe, window time.Duration) {
	t.Helper()
	require.NoError(t, p.Start(monotonic()+int64(maxPrelude)+int64(10*time.Millisecond), window))
	<-p.recorder.began
}

func wait(t testing.TB, p *Probe) *Result {
	t.Helper()
	r, err := p.Wait(context.Background())
	require.NoError(t, err)
	return r
}

func (r *Result) value(t testing.TB, name string) float64 {
	t.Helper()
	require.Contains(t, r.Metrics, name)
	return r.Metrics[name].Value
}

// seconds of a metric that is a share of the window.
func (r *Result) seconds(t testing.TB, name string) float64 {
	t.Helper()
	return r.value(t, name) * r.Window.Seconds()
}

// call makes a system call on the side and returns what it returned.
func call[T any](t testing.TB, s *side, f func() (T, error)) T {
	t.Helper()
	var v T
	require.NoError(t, s.Do(func() (err error) { v, err = f(); return err }))
	return v
}

// listen opens a listening socket that accepts nothing by itself.
func (s *side) listen(t testing.TB, port, backlog int) int {
	t.Helper()
	fd := call(t, s, func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) })
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Port: port}))
	require.NoError(t, unix.Listen(fd, backlog))
	return fd
}

// connect begins a connection and waits for it unless it is told not to.
func (s *side) connect(t testing.TB, to *side, port int, await bool) int {
	t.Helper()
	flags := unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	if !await {
		flags |= unix.SOCK_NONBLOCK
	}
	fd := call(t, s, func() (int, error) { return unix.Socket(unix.AF_INET, flags, 0) })
	err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte(net.ParseIP(to.address).To4())})
	if await || !errors.Is(err, unix.EINPROGRESS) {
		require.NoError(t, err)
	}
	return fd
}

func accept(t testing.TB, fd int) int {
	t.Helper()
	c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	require.NoError(t, err)
	return c
}

// awaitEOF blocks until the other side has closed.
func awaitEOF(t testing.TB, fd int) {
	t.Helper()
	n, err := unix.Read(fd, make([]byte, 1))
	require.NoError(t, err)
	require.Zero(t, n)
}

// childRole names what a child of a test does, with its arguments.
const childRole = "RULEOUT_TEST_PROBE_CHILD"

// command is this test binary in another role, on the side and in its control group.
func (s *side) command(role string, arguments ...any) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = []string{"child"}
	c.Env = append(os.Environ(), childRole+"="+strings.TrimSpace(role+" "+fmt.Sprintln(arguments...)),
		"GODEBUG=asyncpreemptoff=1", "GOGC=off")
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: s.Group.FD()}
	return c
}

// run runs a child to its end and returns the CPU time that it used.
func (s *side) run(t testing.TB, role string, arguments ...any) time.Duration {
	t.Helper()
	c := s.command(role, arguments...)
	require.NoError(t, s.Do(c.Start))
	require.NoError(t, c.Wait())
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// busy has a child keep so many threads busy until it is told to stop.
func (s *side) busy(t testing.TB, threads int) (stop func()) {
	t.Helper()
	c := s.command("busy", threads)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Do(c.Start))
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return func() {
		require.NoError(t, c.Process.Kill())
		_ = c.Wait() // says that it was killed
	}
}

// schedstat is the time in ns that the side's tasks have run or waited for a CPU, as
// the scheduler itself keeps it per task (Documentation/scheduler/sched-stats.rst).
func (s *side) schedstat(t testing.TB) (ns int64) {
	t.Helper()
	threads, err := os.ReadFile(s.Group.Path + "/cgroup.threads")
	require.NoError(t, err)
	for _, id := range strings.Fields(string(threads)) {
		text, err := os.ReadFile("/proc/" + id + "/schedstat")
		require.NoError(t, err)
		f := strings.Fields(string(text))
		ns += digits([]byte(f[0])) + digits([]byte(f[1]))
	}
	return ns
}

func child(role string) error {
	var name, address string
	var n int
	words := strings.Fields(role)
	name = words[0]
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1])
	}
	if len(words) > 2 {
		address = words[2]
	}
	switch name {
	case "work": // a fixed amount of it
		work(n)
	case "busy":
		runtime.GOMAXPROCS(n + 1)
		running := make(chan struct{})
		for range n {
			go func() {
				runtime.LockOSThread()
				running <- struct{}{}
				work(math.MaxInt)
			}()
		}
		for range n {
			<-running
		}
		fmt.Println("busy")
		select {}
	case "flood": // so many UDP packets
		c, err := net.Dial("udp", address)
		if err != nil {
			return err
		}
		packet := make([]byte, 100)
		for range n {
			if _, err := c.Write(packet); err != nil {
				return err
			}
		}
	case "echo": // what comes from descriptor 3 goes to 4
		one := make([]byte, 1)
		at := uintptr(unsafe.Pointer(&one[0]))
		for {
			if n, _, _ := unix.RawSyscall(unix.SYS_READ, 3, at, 1); n != 1 {
				return nil
			}
			if _, _, errno := unix.RawSyscall(unix.SYS_WRITE, 4, at, 1); errno != 0 {
				return errno
			}
		}
	default:
		return fmt.Errorf("unknown role %q", role)
	}
	return nil
}

var sink uint64

// work counts, which takes the same number of instructions each time.
func work(n int) {
	x := uint64(1)
	for i := 0; i < n; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	sink = x
}
