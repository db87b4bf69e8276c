package vm

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// savedState is the part of a device state that normalise reads, as QEMU writes it.
func savedState(ticks, clock, bias, icount, stamp uint64) []byte {
	b := []byte("registers\x00\x00\x00" + frame.FreezeMark)
	b = binary.BigEndian.AppendUint64(b, stamp)
	b = append(b, "\x04\x00\x00\x00\x00\x05timer\x00\x00\x00\x00\x00\x00\x00\x02"...)
	for _, n := range []uint64{ticks, 0, clock} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, "\x05\x0ctimer/icount\x00\x00\x00\x01"...)
	b = binary.BigEndian.AppendUint64(b, bias)
	b = binary.BigEndian.AppendUint64(b, icount)
	return append(b, "the rest"...)
}

func TestNormalise(t *testing.T) {
	const icount, bias, shift = 1_332_055_289, 211_005_108, 1
	const stamp = bias + (icount-frame.StopInstructions)<<shift
	want := savedState(0, 0, bias+icount<<shift, 0, stamp)
	for _, c := range []struct {
		name  string
		state []byte
	}{
		{"stopped at once", savedState(0x5acaecae1, 0x22f8d9ee2, bias, icount, stamp)},
		{"moved on to the next timer", savedState(7, 8, bias+1_290_738, icount, stamp)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := normalise(c.state, shift)
			require.NoError(t, err)
			require.EqualValues(t, icount, n)
			require.Equal(t, want, c.state)
		})
	}
	for _, c := range []struct {
		name, says string
		state      []byte
	}{
		{"nothing", "its time is not in the expected place", nil},
		{"another program", "its time is not in the expected place", []byte(strings.Repeat("timer", 20))},
		{"only the end", "its time is not in the expected place", []byte("\x0ctimer/icount")},
		{"no registers", "when it stopped", savedState(0, 0, bias, icount, stamp)[20:]},
		{"another speed", "ahead of the guest's", savedState(0, 0, bias, icount, stamp+1e9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := normalise(c.state, shift)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestHashOfAMachine(t *testing.T) {
	file := func(write func(f *os.File)) *os.File {
		f, err := memoryFile("ram", nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		require.NoError(t, f.Truncate(4<<20))
		write(f)
		return f
	}
	hash := func(f *os.File, state string) string {
		h, err := hashMachine(f, []byte(state))
		require.NoError(t, err)
		return h
	}
	put := func(at int64, data []byte) func(*os.File) {
		return func(f *os.File) {
			_, err := f.WriteAt(data, at)
			require.NoError(t, err)
		}
	}
	sparse := hash(file(put(3<<20, []byte("x"))), "state")
	require.Equal(t, sparse, hash(file(func(f *os.File) {
		put(0, make([]byte, 4<<20))(f)
		put(3<<20, []byte("x"))(f)
	}), "state"), "stored zeros do not count")
	require.NotEqual(t, sparse, hash(file(put(2<<20, []byte("x"))), "state"), "the place counts")
	require.NotEqual(t, sparse, hash(file(put(3<<20, []byte("x"))), "another"), "the devices count")
	leaked := file(put(3<<20, []byte("x")))
	put(0xd49, []byte("stack"))(leaked)
	put(0x1000, []byte("stack"))(leaked)
	require.NotEqual(t, sparse, hash(leaked, "state"))
	require.NoError(t, clearLeaked(leaked))
	require.Equal(t, sparse, hash(leaked, "state"))
}
