package blame

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/verdict/blame/packet"
)

// Events of all kinds come in the order of time, and those of one moment in that of causes.
func TestEvents(t *testing.T) {
	s := tell(t, other(func(r *result.Record) {
		of := r.Timeline.Series
		of["web.cpu.total"][0], of["web.memory"][1] = .11, 8192
		of["web.packets"][4], of["http.errors"][2] = 9, 1
		r.Faults[0].Times = []float64{0.1, 0.2, 0.5}
	}))
	s.Packets = &Packets{Comparison: &packet.Comparison{First: &packet.Parting{At: 0.2, Point: "client>web sent",
		A: &packet.Packet{Kind: "UDP", Length: 7}}}}
	var told []string
	for _, e := range s.Events() {
		told = append(told, strings.Join([]string{e.When(), string(e.Kind), e.What, e.A, e.B}, " | "))
	}
	require.Equal(t, []string{
		"0 s to 100 ms | time | web.cpu.total | 0.1 | 0.11",
		"100 ms to 200 ms | time | web.memory | 4.10 kB | 8.19 kB",
		"200 ms | packet | client>web sent: the first packet that differs | → UDP len 7 | none",
		"200 ms to 300 ms | count | http.errors | 0 | 1",
		"400 ms | fault | acks chooses another packet, after 2 choices that are the same | 400 ms | 500 ms",
		"400 ms to 500 ms | count | web.packets | 5 | 9",
	}, told)
	require.Equal(t, "at 200 ms, client>web sent: the first packet that differs: → UDP len 7 in A, none in B", s.First())
}

// What differs first in a line: what happened, else what took another time, else how it ended.
func TestFirst(t *testing.T) {
	require.Empty(t, tell(t, made()).First())
	s := tell(t, other(func(r *result.Record) { r.Timeline.Series["web.cpu.total"][3] = .2 }))
	require.Equal(t, "from 300 ms to 400 ms, web.cpu.total: 0.1 in A, 0.2 in B", s.First())
	s = tell(t, other(func(r *result.Record) {
		r.Timeline = result.Timeline{}
		r.Expect[0].OK = false
	}))
	require.Equal(t, "at the end, http.errors == 0: holds in A, does not hold in B", s.First())
	s = tell(t, other(func(r *result.Record) {
		r.Timeline = result.Timeline{}
		r.Metrics["http.latency.p99"] = result.Metric{Value: 0.2, Unit: "s"}
	}))
	require.Equal(t, "at the end, http.latency.p99: 100 ms in A, 200 ms in B", s.First())
}

// A choice that comes some microseconds later is the same choice: the record has no packets, only times.
func TestTheSameChoiceSomewhatLater(t *testing.T) {
	s := tell(t, other(func(r *result.Record) { r.Faults[0].Times = []float64{0.1001, 0.2009, 0.4} }))
	require.Empty(t, s.Faults)
	s = tell(t, other(func(r *result.Record) { r.Faults[0].Times = []float64{0.1, 0.2011, 0.4} }))
	require.Equal(t, 1, s.Faults[0].Same)
}

// What is said of runs that were made again.
func TestPacketsAreTold(t *testing.T) {
	same := &machine.Replay{Equal: true, Captured: &machine.CapturedRun{Differences: make([]machine.Difference, 3)}}
	changed := &machine.Replay{Recorded: "sha256:1", Replayed: "sha256:2", Differences: make([]machine.Difference, 1),
		Provenance: []machine.Difference{{Field: "guest program", Recorded: "old", Replayed: "new"}}}
	a, b := &packet.Packet{Frame: 12, At: 0.5, Kind: "UDP", Length: 7}, &packet.Packet{Frame: 13, At: 0.25, Kind: "UDP"}
	p := &Packets{Again: [2]*machine.Replay{same, changed}, Comparison: &packet.Comparison{
		Dirs: [2]string{"c/a", "c/b"}, Same: 1234, Apart: 85e-6, First: &packet.Parting{File: "client--web.pcapng",
			Point: "client>web sent", At: 0.25, Nth: 3, Conversation: [2]string{"client:1 → web:80", "client:2 → web:80"},
			A: a, B: b, Fields: []packet.Field{{Name: "length", A: "7", B: "0"}},
			Before: []packet.Row{{A: a, B: a, Same: true}}, After: []packet.Row{{B: b}}}}}
	require.False(t, p.Repeated())
	s := tell(t, other(func(r *result.Record) { r.Timeline.Series["web.packets"][7] = 9 }))
	s.Packets = p
	require.Equal(t, "the first packet that differs comes at 250 ms; counts of packets, connections and answers differ "+
		"from 700 ms on", s.Heading())
	var text strings.Builder
	require.NoError(t, s.Text(&text, false, false))
	for _, line := range []string{
		"  A repeats to the bit; the captured run differs from it in 3 fields, since a capture takes CPU time\n",
		"  B did not repeat: recorded sha256:1, made again sha256:2, which differs in 1 field\n",
		"    guest program: recorded old, made again with new\n",
		"  before it both have the same 1,234 packets, at most 85.0 µs apart\n",
		"  it is at 0.250000 s, client>web sent: the 3rd packet of client:1 → web:80 (B: client:2 → web:80)\n",
		"  A: tshark -r c/a/client--web.pcapng -Y frame.number==12\n",
		"  =  0.500000  → UDP len 7  0.500000  → UDP len 7\n",
		"  ≠  0.500000  → UDP len 7  0.250000  → UDP len 0\n",
		"                            0.250000  → UDP len 0\n",
	} {
		require.Contains(t, text.String(), line)
	}
	p.First, p.Again[1] = nil, same
	require.True(t, p.Repeated())
	require.Equal(t, "no packet differs; only times do", s.Heading())
	require.Contains(t, p.Notes(), "no packet differs: both have the same 1,234 packets, at most 85.0 µs apart")
}
