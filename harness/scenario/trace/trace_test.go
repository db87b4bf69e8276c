package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

const second = int64(time.Second)

var hour = Window{Length: time.Hour}

// The first two lines are like the examples of Apache's manual (mod_log_config, "Common Log Format" and "Combined").
const apache = `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326
127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "http://a.example/" "Mozilla/4.08 [en]"
2001:db8::1 - - [10/Oct/2000:22:55:38 +0200] "POST /a?b=[c] HTTP/1.1" 499 0 "-" "x"

::1 - a b [10/Oct/2000:20:55:37 +0000] "\x16\x03" 400 0
`

func TestLog(t *testing.T) {
	got, err := Log(strings.NewReader(apache), hour)
	require.NoError(t, err)
	require.Equal(t, &Trace{Times: []int64{0, 0, second, 2 * second}, Grain: second, Total: 4}, got)

	got, err = Log(strings.NewReader(apache), Window{Skip: time.Second, Length: time.Second})
	require.NoError(t, err)
	require.Equal(t, &Trace{Times: []int64{0}, Grain: second, Total: 4}, got, "a window is from its beginning to its end")

	for length, want := range map[time.Duration]int{999 * time.Millisecond: 0, 1500 * time.Millisecond: 2,
		2999 * time.Millisecond: 3, 3 * time.Second: 4} {
		got, err = Log(strings.NewReader(apache), Window{Length: length})
		require.NoError(t, err)
		require.Len(t, got.Times, want, "a second that begins within %v and ends later has no place in it", length)
	}

	got, err = Log(strings.NewReader(strings.TrimSuffix(apache, "\n")), hour)
	require.NoError(t, err)
	require.Len(t, got.Times, 4, "the last line without its end")
}

func TestLogOfStrangers(t *testing.T) {
	good := `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326` + "\n"
	for name, line := range map[string]string{
		"text":              "hello",
		"no time":           `1.2.3.4 - - "GET / HTTP/1.0" 200 1`,
		"no user":           `1.2.3.4 - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1`,
		"no request":        `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700]`,
		"an open request":   `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /`,
		"no such day":       `1.2.3.4 - - [31/Feb/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 1`,
		"before all time":   `1.2.3.4 - - [10/Oct/1900:13:55:36 -0700] "GET / HTTP/1.0" 200 1`,
		"after all time":    `1.2.3.4 - - [10/Oct/9999:13:55:36 -0700] "GET / HTTP/1.0" 200 1`,
		"zeros":             strings.Repeat("\x00", 1000),
		"longer than lines": strings.TrimSuffix(good, "\n") + strings.Repeat("x", 3*lineLimit),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Log(strings.NewReader(good+line+"\n"+good), hour)
			require.NoError(t, err)
			require.Equal(t, &Trace{Times: []int64{0, 0}, Grain: second, Total: 2, Broken: 1}, got)
			_, err = Log(strings.NewReader(line), hour)
			require.ErrorIs(t, err, ErrEmpty)
		})
	}
	_, err := Log(strings.NewReader(""), hour)
	require.ErrorIs(t, err, ErrEmpty)
	_, err = Log(strings.NewReader(strings.Repeat(good, Most+1)), hour)
	require.ErrorIs(t, err, ErrTooMany)
	broken := errors.New("disk")
	_, err = Log(failing{broken}, hour)
	require.ErrorIs(t, err, broken)
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error)       { return 0, f.error }
func (f failing) Seek(int64, int) (int64, error) { return 0, nil }

// endless makes a log as long as one likes, of a line a millisecond.
type endless struct{ at, size int64 }

func (e *endless) Read(b []byte) (int, error) {
	if e.at >= e.size {
		return 0, io.EOF
	}
	n := 0
	for {
		line := fmt.Sprintf("1.2.3.4 - - [%s] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n",
			time.Unix(e.at/1000, 0).UTC().Format("02/Jan/2006:15:04:05 -0700"))
		if n+len(line) > len(b) {
			return n, nil
		}
		n += copy(b[n:], line)
		e.at++
	}
}

func (e *endless) Seek(int64, int) (int64, error) {
	e.at = 0
	return 0, nil
}

// What a long log takes is the memory of its window.
func TestLogInBoundedMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got, err := Log(&endless{size: 300_000}, Window{Skip: 20 * time.Second, Length: 2 * time.Second})
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(t, got.Times, 2000)
	require.Greater(t, got.Total, int64(300_000))
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
}

// frame is a TCP segment, made by another library.
func frame(t *testing.T, port uint16, seq uint32, syn, ack bool, six bool) []byte {
	t.Helper()
	tcp := &layers.TCP{SrcPort: 40000, DstPort: layers.TCPPort(port), Seq: seq, SYN: syn, ACK: ack}
	b := gopacket.NewSerializeBuffer()
	ether := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: []byte{1, 2, 3, 4}, DstIP: []byte{5, 6, 7, 8}}
	if six {
		ether.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolTCP, SrcIP: make([]byte, 16), DstIP: make([]byte, 16)}
	}
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, ether, ip, tcp))
	return b.Bytes()
}

var begin = time.Unix(1_700_000_000, 123_456_000)

// capture is written by another library, in each of its formats.
func capture(t *testing.T) map[string][]byte {
	t.Helper()
	list := []struct {
		after time.Duration
		data  []byte
	}{
		{0, frame(t, 80, 1, true, false, false)},
		{time.Millisecond, frame(t, 80, 1, true, true, false)}, // SYN-ACK
		{2 * time.Millisecond, frame(t, 443, 1, true, false, true)},
		{3 * time.Millisecond, frame(t, 80, 1, false, true, false)},
		{1001 * time.Millisecond, frame(t, 80, 1, true, false, false)}, // sent again
		{1002 * time.Millisecond, frame(t, 80, 9, true, false, false)},
		{1003 * time.Millisecond, frame(t, 80, 9, true, false, false)[:30]}, // cut
	}
	files := map[string][]byte{}
	for name, w := range map[string]func(*bytes.Buffer) interface {
		WritePacket(gopacket.CaptureInfo, []byte) error
	}{
		"micro": func(b *bytes.Buffer) interface {
			WritePacket(gopacket.CaptureInfo, []byte) error
		} {
			w := pcapgo.NewWriter(b)
			require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
			return w
		},
		"nano": func(b *bytes.Buffer) interface {
			WritePacket(gopacket.CaptureInfo, []byte) error
		} {
			w := pcapgo.NewWriterNanos(b)
			require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
			return w
		},
		"ng": func(b *bytes.Buffer) interface {
			WritePacket(gopacket.CaptureInfo, []byte) error
		} {
			w, err := pcapgo.NewNgWriter(b, layers.LinkTypeEthernet)
			require.NoError(t, err)
			return flushing{w}
		},
	} {
		var b bytes.Buffer
		out := w(&b)
		for _, p := range list {
			require.NoError(t, out.WritePacket(gopacket.CaptureInfo{Timestamp: begin.Add(p.after),
				CaptureLength: len(p.data), Length: len(p.data)}, p.data))
		}
		files[name] = b.Bytes()
	}
	return files
}

type flushing struct{ *pcapgo.NgWriter }

func (f flushing) WritePacket(i gopacket.CaptureInfo, b []byte) error {
	return errors.Join(f.NgWriter.WritePacket(i, b), f.Flush())
}

func TestCapture(t *testing.T) {
	for name, data := range capture(t) {
		t.Run(name, func(t *testing.T) {
			got, err := Capture(bytes.NewReader(data), hour)
			require.NoError(t, err)
			want := &Trace{Times: []int64{0, 2e6, 1002e6}, Total: 3, Broken: 1, Repeated: 1}
			require.Equal(t, want, got)
			got, err = Capture(bytes.NewReader(data), Window{Length: time.Second, Port: 80})
			require.NoError(t, err)
			require.Equal(t, &Trace{Times: []int64{0}, Total: 2, Broken: 1, Repeated: 1}, got)
			_, err = Capture(bytes.NewReader(data), Window{Length: time.Second, Port: 81})
			require.ErrorIs(t, err, ErrEmpty)
			// Whatever is missing at the end, there is no error but that there is nothing.
			header := map[string]int{"micro": 24, "nano": 24, "ng": 28}[name]
			for i := range data {
				_, err := Capture(bytes.NewReader(data[:i]), hour)
				require.Equal(t, i < header, errors.Is(err, ErrNotCapture), "%d bytes: %v", i, err)
				if err != nil && i >= header {
					require.ErrorIs(t, err, ErrEmpty)
				}
			}
		})
	}
	_, err := Capture(strings.NewReader(apache), hour)
	require.ErrorIs(t, err, ErrNotCapture)
}

// What nothing can be read of is told from what has no SYN.
func TestCaptureOfStrangers(t *testing.T) {
	radio := capture(t)["micro"]
	radio[20] = 105 // IEEE 802.11
	simple := capture(t)["ng"]
	section := binary.LittleEndian.Uint32(simple[4:])
	simple = append(simple[:section+binary.LittleEndian.Uint32(simple[section+4:])],
		3, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0)
	for name, data := range map[string][]byte{"802.11": radio, "no times": simple,
		"no length": append(capture(t)["micro"][:24], bytes.Repeat([]byte{255}, 16)...)} {
		got, err := Capture(bytes.NewReader(data), hour)
		require.ErrorIs(t, err, ErrUnreadable, name)
		require.Positive(t, got.Broken, name)
	}
	ng := capture(t)["ng"]
	ng[8] = 0
	_, err := Capture(bytes.NewReader(ng), hour)
	require.ErrorIs(t, err, ErrNotCapture, "no byte order")
	broken := errors.New("disk")
	_, err = Capture(failing{broken}, hour)
	require.ErrorIs(t, err, broken)
}

func TestText(t *testing.T) {
	for _, grain := range []int64{0, second} {
		for _, times := range [][]int64{nil, {0}, {0, 0, second, 3 * second, 3600 * second}} {
			tr := &Trace{Times: times, Grain: grain}
			got, err := Times(tr.Text(), grain)
			require.NoError(t, err)
			require.Equal(t, times, got)
		}
	}
	for _, bad := range []string{"!", "/w==", "////////////////"} {
		_, err := Times(bad, second)
		require.Error(t, err)
	}
}

func FuzzCapture(f *testing.F) {
	f.Add([]byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Capture(bytes.NewReader(b), hour)
		if err == nil && (len(got.Times) == 0 && got.Total == 0 || int64(len(got.Times)) > got.Total) {
			t.Fatalf("%+v", got)
		}
	})
}
