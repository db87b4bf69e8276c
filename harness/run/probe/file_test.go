package probe

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestReadersOfNumbers(t *testing.T) {
	stat := []byte("usage_usec 1234\nuser_usec 1000\nsystem_usec 234\nnr_periods 0\n")
	require.EqualValues(t, 1234, keyed(stat, "usage_usec"))
	require.EqualValues(t, 234, keyed(stat, "system_usec"))
	require.Zero(t, keyed(stat, "usec"))
	require.Zero(t, keyed(stat, "nr_throttled"))

	pressure := []byte("some avg10=0.00 avg60=1.50 avg300=0.00 total=98765\n" +
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n")
	require.EqualValues(t, 98765, total(pressure))
	require.Zero(t, total(nil))

	sockstat := []byte("sockets: used 5\nTCP: inuse 3 orphan 0 tw 17 alloc 4 mem 1\nUDP: inuse 0 mem 0\n")
	require.EqualValues(t, 17, timeWait(sockstat))

	require.Zero(t, testing.AllocsPerRun(10, func() { keyed(stat, "system_usec"); total(pressure); timeWait(sockstat) }))
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("cpu  10 2 30 400 5 6 7 0 0 0\ncpu0 10 2 30 400 5 6 7 0 0 0\n"))
	require.NoError(t, err)
	require.Equal(t, ticks{user: 12, system: 36}, got)
	for _, text := range []string{"", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8\n"} {
		_, err := parseStat([]byte(text))
		require.ErrorContains(t, err, "/proc/stat", text)
	}
	require.Equal(t, 2, countCPUs([]byte("cpu  1\ncpu0 1\ncpu3 1\nintr 5\n")))
}

func TestParseLoad(t *testing.T) {
	got, err := parseLoad([]byte("12.34 0.31 0.18 1/123 456\n"))
	require.NoError(t, err)
	require.EqualValues(t, 1234, got)
	for _, text := range []string{"", "12", "1."} {
		_, err := parseLoad([]byte(text))
		require.ErrorContains(t, err, "/proc/loadavg", text)
	}
}

// A file that outgrows the buffer, or grows between two readings, is read whole.
func TestFileIsReadWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("short"), 0o644))
	f, err := openFile(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	for _, n := range []int{5, 4095, 4096, 4097, 100_000, 3} {
		want := strings.Repeat("x", n)
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		got, err := f.read()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.NoError(t, os.WriteFile(name, make([]byte, 2<<20), 0o644))
	_, err = f.read()
	require.ErrorContains(t, err, "larger than 1 MiB")
	_, err = openFile(name + "-not")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// message is one netlink message.
func message(kind uint16, sequence uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(netlinkHeader+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_MULTI)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(append(b, 0, 0, 0, 0), body...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func socket(state byte, receiveQueue uint32) []byte {
	b := make([]byte, diagMessage)
	b[diagState] = state
	binary.NativeEndian.PutUint32(b[diagReceiveQ:], receiveQueue)
	return b
}

func TestParseDiag(t *testing.T) {
	errno := binary.NativeEndian.AppendUint32(nil, ^uint32(unix.EINVAL)+1)
	for _, c := range []struct {
		name   string
		pieces [][]byte
		done   bool
		listen int64
		accept int64
		err    string
	}{
		{name: "nothing"},
		{
			name: "sockets and the end",
			pieces: [][]byte{message(sockDiagByFamily, 7, socket(tcpListen, 3)),
				message(sockDiagByFamily, 7, socket(tcpListen, 2)), message(unix.NLMSG_DONE, 7, make([]byte, 4))},
			done: true, listen: 2, accept: 3,
		},
		{name: "an established socket's queue is no accept queue", pieces: [][]byte{message(sockDiagByFamily, 7, socket(tcpEstablished, 9))}},
		{name: "a state that nobody knows", pieces: [][]byte{message(sockDiagByFamily, 7, socket(200, 9))}},
		{name: "left over from another dump", pieces: [][]byte{message(unix.NLMSG_DONE, 6, nil)}},
		{name: "an error", pieces: [][]byte{message(unix.NLMSG_ERROR, 7, errno)}, err: "invalid argument"},
		{name: "a short error", pieces: [][]byte{message(unix.NLMSG_ERROR, 7, nil)}, err: "error message of 0 bytes"},
		{name: "a short socket", pieces: [][]byte{message(sockDiagByFamily, 7, make([]byte, 8))}, err: "socket message of 8 bytes"},
		{name: "longer than it is", pieces: [][]byte{message(sockDiagByFamily, 7, socket(tcpListen, 3))[:40]}, err: "message of 88 bytes in 40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []byte
			for _, p := range c.pieces {
				all = append(all, p...)
			}
			var s sockets
			done, err := parseDiag(all, 7, &s)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.done, done)
			require.Equal(t, c.listen, s.state[tcpListen])
			require.Equal(t, c.accept, s.accept)
		})
	}
}

func FuzzParseDiag(f *testing.F) {
	f.Add(message(sockDiagByFamily, 7, socket(tcpListen, 3)))
	f.Add(message(unix.NLMSG_DONE, 7, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s sockets
		_, _ = parseDiag(b, 7, &s)
		var sum int64
		for _, n := range s.state {
			sum += n
		}
		require.LessOrEqual(t, sum, int64(len(b)/(netlinkHeader+diagMessage)))
	})
}

// The kernel's own arithmetic, calc_load in include/linux/sched/loadavg.h.
func TestLoadAverageIsTheKernels(t *testing.T) {
	const fixed, exp = 2048, 1884
	var kernel uint64
	var ours loadAverage
	var now, queue int64
	for step := range 60 {
		tasks := int64(3)
		if step >= 30 {
			tasks = 0
		}
		active := uint64(tasks * fixed)
		next := kernel*exp + active*(fixed-exp)
		if active >= kernel {
			next += fixed - 1
		}
		kernel = next / fixed

		now += int64(beat)
		queue += tasks * int64(beat)
		ours.add(now, queue)
		require.InDelta(t, float64(kernel)/fixed, ours.value, 0.02, "after %d steps", step+1)
	}
}

func TestLoadAverageOfAPartStep(t *testing.T) {
	var whole, parts loadAverage
	whole.add(int64(beat), 2*int64(beat))
	for i := int64(1); i <= 5; i++ {
		parts.add(i*int64(beat)/5, 2*i*int64(beat)/5)
	}
	require.InEpsilon(t, whole.value, parts.value, 1e-9)
	before := parts
	parts.add(parts.began, parts.queue)
	require.Equal(t, before, parts, "no time, no change")
}

func TestLayoutKeepsRegionsApart(t *testing.T) {
	for _, c := range []struct{ cpus, nodes int }{{1, 0}, {1, 1}, {2, 3}, {3, 4}, {64, 31}, {7, 100}} {
		t.Run(fmt.Sprintf("%d CPUs, %d nodes", c.cpus, c.nodes), func(t *testing.T) {
			l := newLayout(c.cpus, c.nodes, 0)
			require.GreaterOrEqual(t, int(l.cpus), c.cpus)
			require.Greater(t, int(l.nodes), c.nodes)
			require.GreaterOrEqual(t, uint32(1)<<l.cpuShift, headerSize+l.nodes<<slotShift)
			require.Less(t, uint32(1)<<l.cpuShift, 2*(headerSize+l.nodes<<slotShift))
			s := state{layout: l, memory: make([]byte, l.size())}
			s.setRecord(l.nodes-1, recordRetrans, math.MaxInt64)
			require.EqualValues(t, math.MaxInt64, s.record(l.nodes-1, recordRetrans))
		})
	}
	require.Equal(t, 16, cgroupPairs)
	require.Equal(t, 32, devicePairs)
}

func TestIntegralOfRunnableTasks(t *testing.T) {
	l := newLayout(2, 1, 1)
	s := state{layout: l, memory: make([]byte, l.size())}
	put := func(c, at uint32, v int64) { *s.word(c<<l.cpuShift + headerSize + 1<<slotShift + at) = uint64(v) }
	// Woken on CPU 0 at 10 and 20, gone to sleep on CPU 1 at 25.
	put(0, slotCount, 2)
	put(0, slotMoments, 10+20)
	put(1, slotCount, -1)
	put(1, slotMoments, -25)
	require.EqualValues(t, 15+20, s.runnable(1, 40)) // one for 15 (10 to 25), one for 20 (20 to 40)
}
