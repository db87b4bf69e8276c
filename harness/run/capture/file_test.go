package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
)

const wired = `
version: 1
name: wired
duration: 10s
nodes: {client: {}, edge: {role: router}, web: {}}
links:
  - {between: [client, edge], delay: 20ms}
  - {between: [edge, web], mtu: 1000}
faults:
  - {name: dup-acks, link: [client, edge], from: client, select: {packets: pure-ack, chance: 10%}, do: {duplicate: 3}}
  - {name: loss, link: [edge, client], select: {every: 5, per: link}, do: drop}
  - {name: late, link: [edge, web], do: {delay: 40ms, jitter: 5ms}}
`

func wiredScenario(t *testing.T) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("wired.yaml", []byte(wired), nil)
	require.NoError(t, err)
	return s
}

// ring puts events together as the kernel does.
type ring struct {
	bytes.Buffer
	seen []int64
}

func newRing(points int) *ring { return &ring{seen: make([]int64, points)} }

func (r *ring) record(flags uint32, b []byte) {
	_ = binary.Write(r, binary.LittleEndian, flags|uint32(len(b)))
	r.Write([]byte{1, 0, 0, 0}) // of the page, for the kernel
	r.Write(b)
	r.Write(make([]byte, -len(b)&7))
}

func (r *ring) add(point int, at time.Duration, id uint32, ordinal uint64, length int, data string) {
	b := make([]byte, capture.HeaderLen+len(data)+3) // rooms are of few sizes, so there is often more
	binary.LittleEndian.PutUint64(b[capture.TimeAt:], uint64(begin+int64(at)))
	binary.LittleEndian.PutUint64(b[capture.OrdinalAt:], ordinal)
	binary.LittleEndian.PutUint32(b[capture.IDAt:], id)
	binary.LittleEndian.PutUint32(b[capture.LengthAt:], uint32(length))
	binary.LittleEndian.PutUint16(b[capture.PointAt:], uint16(point))
	binary.LittleEndian.PutUint16(b[capture.KeptAt:], uint16(len(data)))
	copy(b[capture.HeaderLen:], data)
	r.record(0, b)
	r.seen[point]++
}

func (r *ring) wire() capture.Wire {
	return capture.Wire{Size: int64(r.Len()), Room: 1 << 20, Seen: r.seen, Lost: make([]int64, len(r.seen))}
}

const begin = int64(5 * time.Second)

// write makes files of two rings.
func write(t *testing.T, dir string, rings ...*ring) ([]pcapng.File, error) {
	t.Helper()
	spool, err := pcapng.Open(dir, 64)
	require.NoError(t, err)
	defer spool.Close()
	taken := &capture.Taken{Begin: begin}
	for i, r := range rings {
		w, err := spool.Ring(i)
		require.NoError(t, err)
		taken.Wires = append(taken.Wires, r.wire())
		_, err = w.Write(r.Bytes())
		require.NoError(t, err)
	}
	spool.Take(taken)
	return spool.Write(t.Context(), wiredScenario(t), pcapng.Origin{
		Tool: "0.1", Kernel: "6.1.0", Machine: "microvm", Backend: "vm", Seed: 7, Run: "sha256:aa", Digest: "sha256:bb",
	})
}

func TestPoints(t *testing.T) {
	s := wiredScenario(t)
	names := func(link int) (list []string) {
		for _, p := range capture.Points(s, link) {
			list = append(list, p.Name())
		}
		return list
	}
	require.Equal(t, []string{
		"client>edge sent", "client>edge received", "client>edge fault dup-acks", "client>edge fault loss",
		"edge>client sent", "edge>client received", "edge>client fault loss",
	}, names(0))
	require.Equal(t, []string{
		"edge>web sent", "edge>web received", "edge>web fault late", "web>edge sent", "web>edge received",
		"web>edge fault late",
	}, names(1))
}

func TestAFileSaysWhatHappened(t *testing.T) {
	dir := t.TempDir()
	first, second := newRing(7), newRing(6)
	first.add(0, -time.Second, 1, 0, 70, "one, in the warm-up")
	first.add(0, 0, 2, 0, 14, "two")
	first.add(2, 300*time.Nanosecond, 2, 17, 14, "two")
	first.add(3, time.Microsecond, 2, 0, 14, "two")
	first.add(3, time.Microsecond, 2, 5, 14, "two") // a copy of it
	first.add(1, 20*time.Millisecond, 0, 0, 14, "two")
	first.add(4, time.Minute, 2, 0, 14, "another two, of the other direction")
	second.add(2, time.Hour, 1, 0, 20, "late")
	first.record(1<<30, make([]byte, 40)) // which the kernel was told to forget
	_, err := write(t, dir, first, second)
	require.ErrorContains(t, err, "35 bytes of a packet of 14")

	first = newRing(7)
	first.add(0, -time.Second, 1, 0, 70, "one, in the warm-up")
	first.add(0, 0, 2, 0, 14, "two")
	first.add(2, 300*time.Nanosecond, 2, 17, 14, "two")
	first.add(3, time.Microsecond, 2, 0, 14, "two")
	first.add(3, time.Microsecond, 2, 5, 14, "two")
	first.record(1<<30, make([]byte, 40))
	first.add(1, 20*time.Millisecond, 0, 0, 14, "two")
	first.add(4, time.Minute, 2, 0, 14, "other")
	files, err := write(t, dir, first, second)
	require.NoError(t, err)
	require.Equal(t, []pcapng.File{
		{Path: filepath.Join(dir, "client--edge.pcapng"), Packets: 7, Room: 1 << 20},
		{Path: filepath.Join(dir, "edge--web.pcapng"), Packets: 1, Room: 1 << 20},
	}, files)

	f, err := os.Open(files[0].Path)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{ErrorOnMismatchingLinkType: true})
	require.NoError(t, err)
	info := r.SectionInfo()
	require.Equal(t, "microvm", info.Hardware)
	require.Equal(t, "Linux 6.1.0", info.OS)
	require.Equal(t, "ruleout 0.1", info.Application)
	require.Contains(t, info.Comment, "link client--edge of scenario wired, seed 7, backend vm, kernel 6.1.0\n")
	require.Contains(t, info.Comment, "run sha256:aa\ndigest sha256:bb\n")
	require.Contains(t, info.Comment, "the measured window starts at 2000-01-01 00:00:00 UTC\n")
	require.Contains(t, info.Comment, "the first 64 bytes at most")
	require.NotContains(t, info.Comment, "CUT SHORT")

	type packet struct {
		face     string
		at       time.Duration
		length   int
		id       uint64 // 0 for none
		comments []string
	}
	var got []packet
	for {
		_, ci, o, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		face, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		require.Equal(t, layers.LinkTypeEthernet, face.LinkType)
		require.EqualValues(t, 64, face.SnapLength)
		p := packet{face.Name, ci.Timestamp.Sub(pcapng.Epoch), ci.Length, 0, o.Comments}
		if o.PacketID != nil {
			p.id = *o.PacketID
		}
		got = append(got, p)
	}
	dup, loss, copied := "dup-acks: 3 copies (packet 17 of its flow)", "loss: lost",
		"loss: lost (packet 5 in this direction)"
	require.Equal(t, []packet{
		{"client>edge sent", -time.Second, 70, 1, nil},
		{"client>edge sent", 0, 14, 2, []string{dup, loss, copied}},
		{"client>edge fault dup-acks", 300 * time.Nanosecond, 14, 2, []string{dup}},
		{"client>edge fault loss", time.Microsecond, 14, 2, []string{loss}},
		{"client>edge fault loss", time.Microsecond, 14, 2, []string{copied}},
		{"client>edge received", 20 * time.Millisecond, 14, 0, nil},
		{"edge>client sent", time.Minute, 14, 1<<32 | 2, nil},
	}, got)

	face, err := r.Interface(2)
	require.NoError(t, err)
	require.Equal(t, "packets that the fault touches, before it acts: copy 3× 10 % of pure ACKs from client",
		face.Description)
	require.EqualValues(t, 1, face.Statistics.PacketsReceived)
	require.EqualValues(t, 0, face.Statistics.PacketsDropped)

	names := map[string][]string{}
	for i := range r.NNames() {
		n, err := r.Name(i)
		require.NoError(t, err)
		names[n.Addr.(*pcapgo.NgIPAddress).Addr.String()] = append(names[n.Addr.(*pcapgo.NgIPAddress).Addr.String()],
			n.Names...)
	}
	require.Equal(t, map[string][]string{
		"10.0.0.1": {"client"}, "fd00::1": {"client"}, "10.0.0.2": {"edge"}, "fd00::2": {"edge"},
		"10.0.1.1": {"edge"}, "10.0.1.2": {"web"}, // a link of 1000 bytes has no IPv6
	}, names)
}

func TestAFileThatIsCutShortSaysSo(t *testing.T) {
	dir := t.TempDir()
	spool, err := pcapng.Open(dir, capture.Whole)
	require.NoError(t, err)
	defer spool.Close()
	first, second := newRing(7), newRing(6)
	first.add(0, 0, 1, 0, 20, "kept")
	taken := &capture.Taken{Wires: []capture.Wire{first.wire(), second.wire()}}
	taken.Wires[0].Seen[0], taken.Wires[0].Lost[0] = 10, 9
	taken.Wires[0].Seen[1], taken.Wires[0].Lost[1] = 3, 3
	for i, r := range []*ring{first, second} {
		w, err := spool.Ring(i)
		require.NoError(t, err)
		_, err = w.Write(r.Bytes())
		require.NoError(t, err)
	}
	spool.Take(taken)
	files, err := spool.Write(t.Context(), wiredScenario(t), pcapng.Origin{})
	require.NoError(t, err)
	require.EqualValues(t, 12, files[0].Lost)
	require.Zero(t, files[1].Lost)
	b, err := os.ReadFile(files[0].Path)
	require.NoError(t, err)
	require.Contains(t, string(b), "CUT SHORT: there was no room for the last 12 packets")
}

// What is not whole is not passed off as whole, and leaves nothing.
func TestTroubleLeavesNoFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		ring func(r *ring)
		says string
	}{
		{"a packet is missing", func(r *ring) { r.seen[1]++ }, "client>edge received: 0 packets are in the capture and 1 came by"},
		{"a packet too many", func(r *ring) { r.add(1, 0, 1, 0, 10, "x"); r.seen[1] = 0 },
			"client>edge received: 1 packets are in the capture and 0 came by"},
		{"never finished", func(r *ring) { r.record(1<<31, make([]byte, 40)) }, "read an event: it was never finished"},
		{"too short", func(r *ring) { r.record(0, make([]byte, 8)) }, "read an event: it has 8 bytes"},
		{"too long", func(r *ring) { r.record(0, make([]byte, 1<<17)) }, "read an event: it claims 131072 bytes"},
		{"cut off", func(r *ring) { r.Write([]byte{40, 0, 0, 0, 1, 0, 0, 0, 1}) }, "read an event: unexpected EOF"},
		{"no such point", func(r *ring) { b := make([]byte, 40); b[capture.PointAt] = 99; r.record(0, b) }, "there is no point 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			bad := newRing(7)
			c.ring(bad)
			_, err := write(t, dir, bad, newRing(6))
			require.ErrorContains(t, err, "write capture client--edge.pcapng: ")
			require.ErrorContains(t, err, c.says)
			requireEmpty(t, dir)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		dir := t.TempDir()
		spool, err := pcapng.Open(dir, 64)
		require.NoError(t, err)
		defer spool.Close()
		r := newRing(7)
		r.add(0, 0, 1, 0, 20, "kept")
		w, err := spool.Ring(0)
		require.NoError(t, err)
		_, err = w.Write(r.Bytes())
		require.NoError(t, err)
		spool.Take(&capture.Taken{Wires: []capture.Wire{r.wire(), newRing(6).wire()}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = spool.Write(ctx, wiredScenario(t), pcapng.Origin{})
		require.ErrorIs(t, err, context.Canceled)
		requireEmpty(t, dir)
	})
	t.Run("one of the names is a directory", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "edge--web.pcapng", "x"), 0o755))
		_, err := write(t, dir, newRing(7), newRing(6))
		require.Equal(t, problem.Machine, problem.KindOf(err))
		require.NoFileExists(t, filepath.Join(dir, "client--edge.pcapng"))
	})
	t.Run("nothing was handed over", func(t *testing.T) {
		spool, err := pcapng.Open(t.TempDir(), 64)
		require.NoError(t, err)
		defer spool.Close()
		_, err = spool.Write(t.Context(), wiredScenario(t), pcapng.Origin{})
		require.ErrorContains(t, err, "the run has left none")
	})
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSnapLengthsAreBounded(t *testing.T) {
	for _, snap := range []int{-1, 0, 63, 65536} {
		_, err := pcapng.Open(t.TempDir(), snap)
		require.Equal(t, problem.Usage, problem.KindOf(err), snap)
	}
}

func FuzzReader(f *testing.F) {
	r := newRing(1)
	r.add(0, 0, 1, 0, 20, "a packet")
	f.Add(r.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		read := 0
		for r := capture.NewReader(bytes.NewReader(b)); ; {
			e, err := r.Next()
			if err != nil {
				return
			}
			read += capture.HeaderLen + len(e.Data)
			require.LessOrEqual(t, read, len(b))
			require.LessOrEqual(t, len(e.Data), e.Length)
		}
	})
}
