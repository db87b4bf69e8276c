package vm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// listenTo has a process without a QEMU listen to what a guest says.
func listenTo(t testing.TB, said []byte) *process {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	go func() {
		_, _ = w.Write(said)
		_ = w.Close()
	}()
	p := &process{
		cmd: &exec.Cmd{}, streams: &streams{frames: r}, held: make(chan held, 1), freezing: make(chan struct{}, 1),
		told:   make(chan struct{}),
		memory: 384 << 20,
	}
	go p.listen(sinks{output: io.Discard})
	select {
	case <-p.told:
	case <-time.After(time.Minute): // no measurement: it takes microseconds, or for ever
		t.Fatal("it never stops listening")
	}
	return p
}

func heldFrame(address, size uint64) []byte {
	return frame.Append(nil, frame.Held,
		binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, address), size))
}

func attachFrame(t testing.TB, a frame.Attached) []byte {
	t.Helper()
	b, err := json.Marshal(a)
	require.NoError(t, err)
	return frame.Append(nil, frame.Attach, b)
}

func TestAGuestThatSaysWhatItMustNot(t *testing.T) {
	one := heldFrame(0x1000, 10)
	attached := attachFrame(t, frame.Attached{Name: "ring 0"})
	for _, c := range []struct {
		name string
		said []byte
		why  string
	}{
		{"held three times", bytes.Repeat(one, 3), "more output after what was fetched"},
		{"attached behind that", append(bytes.Clone(one), attached...), "more output after what was fetched"},
		{"held, cut short", frame.Append(nil, frame.Held, make([]byte, 15)), "in 15 bytes instead of 16"},
		{"attached, no JSON", frame.Append(nil, frame.Attach, []byte("{")), "read what the guest attaches"},
		{"attached, a negative size", frame.Append(nil, frame.Attach, []byte(`{"size":-1}`)), "read what the guest attaches"},
		{"attached too often", bytes.Repeat(attached, attachedLimit+1), "more than 4096 files"},
		{"a frame of 17 MiB", frame.Append(nil, frame.Output, make([]byte, frameLimit+1)), "at most 16777216 allowed"},
		{"a freeze that is no JSON", bytes.Repeat(frame.Append(nil, frame.Freeze, []byte("x")), 3), "read what the guest checked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorContains(t, listenTo(t, c.said).story.err, c.why)
		})
	}
	p := listenTo(t, bytes.Join([][]byte{attached, attached, one}, nil))
	require.NoError(t, p.story.err)
	require.Len(t, p.attached, 2)
	require.Equal(t, held{0x1000, 10}, <-p.held)
}

func TestWhatIsFetchedIsNoMoreThanTheGuestsMemory(t *testing.T) {
	const memory = 384 << 20
	for _, c := range []struct {
		name     string
		held     held
		attached []frame.Attached
		ok       bool
	}{
		{"all of it", held{0x1000, memory}, nil, true},
		{"a byte more", held{0x1000, memory + 1}, nil, false},
		{"all addresses", held{0, math.MaxUint64}, nil, false},
		{"beyond the last address", held{math.MaxUint64 - 5, 10}, nil, false},
		{"together", held{0, 1}, []frame.Attached{{Size: memory / 2}, {Size: memory / 2}}, false},
		{"a sum that overflows", held{0, memory}, []frame.Attached{{Size: math.MaxUint64 - memory + 1}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &process{memory: memory, attached: c.attached}
			require.Equal(t, c.ok, p.bounded(c.held) == nil)
		})
	}
}

func TestOutputBeforeTheFreezeHasABound(t *testing.T) {
	a := atMost{left: 10}
	_, err := fmt.Fprint(&a, "0123456789")
	require.NoError(t, err)
	_, err = fmt.Fprint(&a, "x")
	require.ErrorContains(t, err, "more than has room")
	require.Equal(t, "0123456789", a.String())
}

func FuzzListen(f *testing.F) {
	f.Add(bytes.Repeat(heldFrame(1, 2), 3))
	f.Add(frame.Append(frame.Append(nil, frame.Freeze, []byte("{}")), frame.Exit, []byte{0, 0, 0, 0}))
	f.Add(append(attachFrame(f, frame.Attached{Name: "ring 0", Size: 3}), heldFrame(1<<63, 1<<63)...))
	f.Add([]byte("o\xff\xff\xff\xff" + strings.Repeat("x", 100)))
	f.Fuzz(func(t *testing.T, said []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p := listenTo(t, said)
		select {
		case h := <-p.held:
			_ = p.bounded(h)
		default:
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(50<<20))
	})
}
