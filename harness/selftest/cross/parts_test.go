package cross

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamPutsSegmentsInTheirPlace(t *testing.T) {
	segment := func(seq uint32, n, flags int) *Packet {
		return &Packet{Transport: "tcp", Seq: seq, Payload: n, Flags: flags}
	}
	var s stream
	const start = 1<<32 - 10 // sequence numbers wrap
	for i, step := range []struct {
		p           *Packet
		news, early bool
		next        uint32
	}{
		{segment(start, 0, flagSYN), true, false, start + 1},
		{segment(start+1, 20, flagACK), true, false, 11},
		{segment(start+1, 20, flagACK), false, false, 11},
		{segment(31, 20, flagACK), true, true, 11},
		{segment(51, 5, flagACK|flagFIN), true, true, 11},
		{segment(11, 0, flagACK), false, false, 11},
		{segment(11, 20, flagACK), true, false, 57},
	} {
		news, early := s.take(step.p)
		require.Equal(t, []any{step.news, step.early, step.next}, []any{news, early, s.next}, "step %d", i)
	}
	require.True(t, s.finished())
}

func TestCrowdIsBoundedByWhatIsSure(t *testing.T) {
	var rec Record
	rec.Scenario.Canonical.Duration = 1e9
	r := &Run{Record: &rec}
	ms := int64(1e6)
	by, low, high := r.crowd([]stay{
		{100 * ms, 100 * ms, 200 * ms, 200 * ms},
		{195 * ms, 195 * ms, 300 * ms, 300 * ms}, // 5 ms with the first: less than twice the hop
		{306 * ms, 306 * ms, 400 * ms, 400 * ms}, // 6 ms after the second
		{-50 * ms, -50 * ms, -10 * ms, -10 * ms}, // before the window
	})
	require.Equal(t, []float64{2, 1, 2}, []float64{by, low, high})
}

func TestNamesMatchTheirMetrics(t *testing.T) {
	for pattern, name := range map[string]string{
		"NODE.Tcp.InSegs": "web.Tcp.InSegs", "fault.NAME.time1": "fault.lose.time1", "NODE.IcmpMsg.*": "web.IcmpMsg.InType3",
		"link.A-B.from.A.queue.drops": "link.client-web.from.client.queue.drops",
	} {
		require.True(t, Matches(pattern, name), pattern)
	}
	require.False(t, Matches("NODE.Tcp.InSegs", "web.Tcp.OutSegs"))
	require.False(t, Matches("http.sent", "http.sent.more"))
}

// pcapng makes a file of two interfaces with a packet each.
func pcapng() []byte {
	block := func(kind uint32, body []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, kind)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+12))
		return binary.LittleEndian.AppendUint32(append(b, body...), uint32(len(body)+12))
	}
	file := block(sectionHeader, binary.LittleEndian.AppendUint32(nil, byteOrder))
	for _, name := range []string{"a>b sent", "a>b received"} {
		option := binary.LittleEndian.AppendUint16(make([]byte, 8), optionName)
		option = append(binary.LittleEndian.AppendUint16(option, uint16(len(name))), name...)
		file = append(file, block(interfaceDescription, append(option, make([]byte, (4-len(name)%4)%4)...))...)
	}
	for i := range uint32(2) {
		file = append(file, block(enhancedPacket, append(binary.LittleEndian.AppendUint32(nil, i), make([]byte, 20)...))...)
	}
	return file
}

func TestSplitKeepsThePacketsOfAPoint(t *testing.T) {
	file := pcapng()
	require.Equal(t, map[string]int{"a>b sent": 1, "a>b received": 1}, PointsOf(file))
	part, err := split(file, func(point string) bool { return point == "a>b received" })
	require.NoError(t, err)
	require.Equal(t, map[string]int{"a>b received": 1}, PointsOf(part))

	_, err = split(file[:len(file)-1], func(string) bool { return true })
	require.ErrorContains(t, err, "claims 36 bytes of 35")
	file[8]++
	_, err = split(file, func(string) bool { return true })
	require.ErrorContains(t, err, "byte order")
}
