package probe

import (
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The cost of recording, in time of the emulated CPU: run with -bench . and compare bare and recorded.

func BenchmarkPacket(b *testing.B) {
	compare(b, func(b *testing.B, k *bench) {
		k.listenUDP(b)
		fd := call(b, k.a, func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
		defer unix.Close(fd)
		require.NoError(b, unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte(net.ParseIP(k.b.address).To4())}))
		packet := make([]byte, 100)
		for b.Loop() {
			raw(b, unix.SYS_WRITE, fd, packet)
		}
	})
}

// One operation is two context switches and two wake-ups: a byte to another process and back.
func BenchmarkSwitch(b *testing.B) {
	compare(b, func(b *testing.B, k *bench) {
		mine, its, err := os.Pipe()
		require.NoError(b, err)
		its2, mine2, err := os.Pipe()
		require.NoError(b, err)
		echo := k.a.command("echo")
		echo.ExtraFiles = []*os.File{its2, its}
		require.NoError(b, k.a.Do(echo.Start))
		in, out := int(mine.Fd()), int(mine2.Fd())
		one := make([]byte, 1)
		for b.Loop() {
			raw(b, unix.SYS_WRITE, out, one)
			raw(b, unix.SYS_READ, in, one)
		}
		for _, f := range []*os.File{its, its2, mine, mine2} {
			require.NoError(b, f.Close())
		}
		require.NoError(b, echo.Wait())
	})
}

// raw makes a system call after the Go scheduler's back, which would wake a thread of its own meanwhile.
func raw(b *testing.B, number uintptr, fd int, buffer []byte) {
	if _, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])),
		uintptr(len(buffer))); errno != 0 {
		b.Error(errno)
	}
}

func BenchmarkConnection(b *testing.B) {
	compare(b, func(b *testing.B, k *bench) {
		listener := k.b.listen(b, 80, 16)
		for b.Loop() {
			c := k.a.connect(b, k.b, 80, true)
			s := accept(b, listener)
			unix.Close(s)
			unix.Close(c)
		}
	})
}

func compare(b *testing.B, f func(*testing.B, *bench)) {
	b.Run("bare", func(b *testing.B) { f(b, newBench(b)) })
	b.Run("recorded", func(b *testing.B) {
		k := newBench(b)
		k.record(b, 0)
		f(b, k)
	})
}

// One sample of a timeline of two nodes, and the parts of it.
func BenchmarkSample(b *testing.B) {
	k := newBench(b)
	p := k.record(b, time.Millisecond)
	r := newRecorder(p, 0, time.Second, 0)
	n := p.nodes[0]
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"whole", func() error { r.taken = 0; return r.take() }},
		{"exact", func() error { r.taken = 0; _, err := r.exact(); return err }},
		{"look", func() error { var v reading; return r.look(n, &v) }},
		{"cpu.stat", func() error { _, err := n.cpu.read(); return err }},
		{"cpu.pressure", func() error { _, err := n.pressures[0].read(); return err }},
		{"memory.current", func() error { _, err := n.memory.read(); return err }},
		{"snmp", func() error { _, err := n.counters[0].read(); return err }},
		{"netstat", func() error { _, err := n.counters[1].read(); return err }},
		{"snmp6", func() error { _, err := n.counters[2].read(); return err }},
		{"sockstat", func() error { _, err := n.sockstat.read(); return err }},
		{"accept queues", func() error { n.diag.listens = [2]bool{true, false}; _, err := n.diag.acceptQueue(); return err }},
		{"all states", func() error { _, err := n.diag.count(1<<tcpListen | 1<<tcpSynRecv); return err }},
		{"prepare", r.prepare},
		{"stat", func() error { _, err := p.machine.stat.read(); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
