package frame

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFramesComeBackWhole(t *testing.T) {
	var b bytes.Buffer
	want := []struct {
		kind Kind
		data string
	}{{Output, "hello"}, {Awake, ""}, {Log, strings.Repeat("x", 3<<20)}, {Exit, "\x00\x00\x00\x00"}}
	for _, f := range want {
		require.NoError(t, Write(&b, f.kind, []byte(f.data)))
	}
	r := NewReader(iotest.HalfReader(&b), Max)
	for _, f := range want {
		kind, data, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, f.kind, kind)
		require.Equal(t, f.data, string(data))
	}
	_, _, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestStreamThatBreaksOff(t *testing.T) {
	whole := Append(nil, Output, []byte("hello"))
	for n := 1; n < len(whole); n++ {
		_, _, err := NewReader(bytes.NewReader(whole[:n]), Max).Next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", n)
	}
}

func TestDamagedLengthIsRefused(t *testing.T) {
	_, _, err := NewReader(strings.NewReader("o\xff\xff\xff\xff"), Max).Next()
	require.ErrorContains(t, err, `read frame 'o': length 4294967295, at most 268435456 allowed`)
	_, _, err = NewReader(strings.NewReader("o\xff\xff\xff\x0f"), Max).Next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestEnvelope(t *testing.T) {
	want := &Envelope{Entropy: [EntropyLen]byte{1, 2, 3}, VirtualLimit: time.Hour, Payload: []byte("payload")}
	got, err := UnmarshalEnvelope(want.Marshal())
	require.NoError(t, err)
	require.Equal(t, want, got)

	for _, c := range []struct{ name, bytes, says string }{
		{"empty", "", "its beginning is wrong"},
		{"something else", strings.Repeat("x", 100), "its beginning is wrong"},
		{"cut off", string(want.Marshal()[:envelopeHead+3]), "3 bytes follow, 7 promised"},
		{"too long", string(want.Marshal()) + "x", "8 bytes follow, 7 promised"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := UnmarshalEnvelope([]byte(c.bytes))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add(Append(Append(nil, Output, []byte("x")), Exit, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b), Max)
		read := 0
		for {
			_, data, err := r.Next()
			if err != nil {
				return
			}
			read += HeaderLen + len(data)
			require.LessOrEqual(t, read, len(b))
		}
	})
}
