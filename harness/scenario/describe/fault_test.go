package describe_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/describe"
)

const (
	ms     = scenario.Duration(time.Millisecond)
	second = scenario.Duration(time.Second)
)

func number(n int) *int { return &n }

func share(v scenario.Share) *scenario.Share { return &v }

// said are faults and what is said of them. Each is also a case of TestEveryKeyIsSaid.
var said = []struct {
	want  string
	fault scenario.Fault
}{
	{"watch packets in both directions", scenario.Fault{Do: scenario.Action{Watch: true}}},
	{"drop packets in both directions", scenario.Fault{Do: scenario.Action{Drop: true}}},
	{"drop 10 % of data segments from client, 3 at a time",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.DataSegment, Chance: share(0.1), Burst: 3},
			Do: scenario.Action{Drop: true}}},
	{"drop 0.05 % of packets from web", scenario.Fault{From: "web", Select: scenario.Select{Chance: share(0.0005)}, Do: scenario.Action{Drop: true}}},
	{"drop packets from web", scenario.Fault{From: "web",
		Select: scenario.Select{Packets: scenario.AnyPacket, Chance: share(1)}, Do: scenario.Action{Drop: true}}},
	{"copy 3× pure ACKs from client", scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.PureACK},
		Do: scenario.Action{Duplicate: 3}}},
	{"copy 1× every 5th duplicate ACK of each flow from client",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.DupACK, Every: 5},
			Do: scenario.Action{Duplicate: 1}}},
	{"drop the first SYN of each flow from client", scenario.Fault{From: "client",
		Select: scenario.Select{Packets: scenario.SYN, First: 1}, Do: scenario.Action{Drop: true}}},
	{"drop the first 3 SYNs from client", scenario.Fault{From: "client",
		Select: scenario.Select{Packets: scenario.SYN, First: 3, Per: scenario.PerLink}, Do: scenario.Action{Drop: true}}},
	{"drop every 2nd of the first 6 FINs of each flow from client",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.FIN, First: 6, Every: 2},
			Do: scenario.Action{Drop: true}}},
	{"drop the 3rd RST in both directions, each direction counted for itself",
		scenario.Fault{Select: scenario.Select{Packets: scenario.RST, Nth: 3, Per: scenario.PerLink},
			Do: scenario.Action{Drop: true}}},
	{"drop numbers 3, 17 and 240 of the pure ACKs from client",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.PureACK, Ordinals: []int{3, 17, 240},
			Per: scenario.PerLink}, Do: scenario.Action{Drop: true}}},
	{"drop 6 listed numbers of the pure ACKs of each flow from client",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.PureACK, Ordinals: []int{1, 2, 3, 4, 5, 6}},
			Do: scenario.Action{Drop: true}}},
	{"drop 1 % of TCP segments from web, all flows counted together",
		scenario.Fault{From: "web", Select: scenario.Select{Packets: scenario.TCPPacket, Chance: share(0.01),
			Per: scenario.PerLink}, Do: scenario.Action{Drop: true}}},
	{"flip one bit in each of IPv6 UDP datagrams to port 53 from client",
		scenario.Fault{From: "client", Select: scenario.Select{Packets: scenario.UDPPacket, Family: scenario.IPv6,
			ToPort: 53}, Do: scenario.Action{Corrupt: true}}},
	{"drop IPv4 fragments longer than 1.2 kB from web",
		scenario.Fault{From: "web", Select: scenario.Select{Packets: scenario.Fragment, Family: scenario.IPv4, Longer: 1200},
			Do: scenario.Action{Drop: true}}},
	{"drop data segments at the end of a write of port 80 in both directions",
		scenario.Fault{Select: scenario.Select{Packets: scenario.DataSegment, Last: true, Port: 80},
			Do: scenario.Action{Drop: true}}},
	{"drop ICMP messages in both directions", scenario.Fault{Select: scenario.Select{Packets: scenario.ICMPPacket}, Do: scenario.Action{Drop: true}}},
	{"drop TCP segments from port 80 from web", scenario.Fault{From: "web",
		Select: scenario.Select{Packets: scenario.TCPPacket, FromPort: 80}, Do: scenario.Action{Drop: true}}},

	{"drop data segments with a payload of 1 B to 100 B with ECT(0) with DSCP 46 from web", scenario.Fault{From: "web",
		Select: scenario.Select{Packets: scenario.DataSegment, Payload: &scenario.Payload{Min: 1, Max: 100},
			ECN: scenario.ECT0, DSCP: number(46)}, Do: scenario.Action{Drop: true}}},
	{"drop TCP segments with a payload of at most 100 B after 3 s and 64 kB of their connection of port 80 from web",
		scenario.Fault{From: "web", Select: scenario.Select{Packets: scenario.TCPPacket, Port: 80,
			Payload: &scenario.Payload{Max: 100}, After: &scenario.After{Age: 3000 * ms, Bytes: 64000}},
			Do: scenario.Action{Drop: true}}},
	{"mark 5 % of packets from web with CE, those that are ECT", scenario.Fault{From: "web",
		Select: scenario.Select{Chance: share(0.05)}, Do: scenario.Action{Mark: scenario.MarkCE}}},
	{"refuse SYNs from web, and answer their sender by RST", scenario.Fault{From: "web",
		Select: scenario.Select{Packets: scenario.SYN}, Do: scenario.Action{Reject: scenario.RejectRST}}},
	{"refuse packets from web, and answer their sender by ICMP host-unreachable", scenario.Fault{From: "web",
		Do: scenario.Action{Reject: scenario.HostUnreachable}}},

	{"hold packets from web for 5 ms", scenario.Fault{From: "web", Do: scenario.Action{Delay: 5 * ms}}},
	{"hold SYN-ACKs of flow pages from web for 40 ms ± 5 ms (normal), in order",
		scenario.Fault{From: "web", Select: scenario.Select{Packets: scenario.SYNACK, Flow: "pages"},
			Do: scenario.Action{Delay: 40 * ms, Jitter: 5 * ms, Distribution: scenario.Normal, InOrder: true}}},
	{"hold packets from web for 40 ms ± 5 ms (uniform)", scenario.Fault{From: "web", Do: scenario.Action{Delay: 40 * ms, Jitter: 5 * ms}}},
	{"hold packets from web for 1 ms to 80 ms (a table of 3 delays), in order",
		scenario.Fault{From: "web", Do: scenario.Action{Delays: []scenario.Duration{80 * ms, ms, 2 * ms}, InOrder: true}}},
	{"hold 25 % of packets from web for 500 µs, so that later ones overtake",
		scenario.Fault{From: "web", Select: scenario.Select{Chance: share(0.25)}, Do: scenario.Action{Reorder: ms / 2}}},
	{"squeeze packets from web to 1.5 Mbit/s", scenario.Fault{From: "web", Do: scenario.Action{Rate: 1_500_000}}},
	{"squeeze packets from web to 2 Mbit/s (-14 B a packet, in cells of 48 B and 5 B of overhead)",
		scenario.Fault{From: "web", Do: scenario.Action{Rate: 2_000_000, Overhead: -14,
			Cell: &scenario.Cell{Size: 48, Overhead: 5}}}},
	{"squeeze packets from web to 1.5 Mbit/s (a queue of 20 packets)", scenario.Fault{From: "web", Do: scenario.Action{Rate: 1_500_000, Queue: 20}}},
	{"let packets from web pass only in slots 10 ms apart (a queue of 1 packet)",
		scenario.Fault{From: "web", Do: scenario.Action{Slot: &scenario.Slot{Min: 10 * ms}, Queue: 1}}},
	{"let packets from web pass only in slots 10 ms apart", scenario.Fault{From: "web", Do: scenario.Action{Slot: &scenario.Slot{Min: 10 * ms}}}},
	{"let packets from web pass only in slots 10 ms to 20 ms apart, at most 5 packets and 3 kB in each",
		scenario.Fault{From: "web",
			Do: scenario.Action{Slot: &scenario.Slot{Min: 10 * ms, Max: 20 * ms, Packets: 5, Bytes: 3000}}}},
	{"lose packets from web at random, 2 % in the mean", scenario.Fault{From: "web", Do: scenario.Action{Loss: &scenario.Loss{Random: share(0.02)}}}},
	{"lose packets from web in bursts (Gilbert-Elliott: p 1 %, r 25 %)",
		scenario.Fault{From: "web", Do: scenario.Action{Loss: &scenario.Loss{GEModel: &scenario.GEModel{P: 0.01, R: 0.25}}}}},
	{"lose packets from web in bursts (Gilbert-Elliott: p 1 %, r 25 %, 1-h 90 %, 1-k 0.1 %)",
		scenario.Fault{From: "web",
			Do: scenario.Action{Loss: &scenario.Loss{GEModel: &scenario.GEModel{P: 0.01, R: 0.25, Bad: share(0.9),
				Good: 0.001}}}}},
	{"lose packets from web in bursts (4 states: p13 1 %, p31 20 %, p32 10 %, p23 30 %, p14 0.5 %)",
		scenario.Fault{From: "web",
			Do: scenario.Action{Loss: &scenario.Loss{State: &scenario.StateModel{P13: 0.01, P31: share(0.2), P32: 0.1,
				P23: share(0.3), P14: 0.005}}}}},
	{"refuse packets in both directions that do not fit 1280 B, and tell the sender by ICMP", scenario.Fault{Do: scenario.Action{MTU: 1280}}},
	{"swallow packets from web that do not fit 1280 B, without telling the sender (a black hole)",
		scenario.Fault{From: "web", Do: scenario.Action{MTU: 1280, Silent: true}}},
	{"stop all processes of web", scenario.Fault{Node: "web", Do: scenario.Action{Pause: true}}},
	{"take the link down", scenario.Fault{Do: scenario.Action{Down: true}}},
	{"forge 2 segments into 1 connection of flow idle",
		scenario.Fault{Do: scenario.Action{Inject: &scenario.Inject{Flow: "idle",
			Segments: []scenario.Segment{{To: "web"}, {To: "db"}}}}}},
	{"forge 7 segments into 10 connections each of flow idle",
		scenario.Fault{Do: scenario.Action{Inject: &scenario.Inject{Flow: "idle", Connections: 10,
			Segments: []scenario.Segment{{To: "web", Count: 7}}}}}},

	{"drop 1 % of packets from web, chance rising to 20 % over 10 s in 5 steps",
		scenario.Fault{From: "web", Select: scenario.Select{Chance: share(0.01)}, Do: scenario.Action{Drop: true},
			Ramp: &scenario.Ramp{Over: 10 * second, Steps: 5, Chance: share(0.2)}}},
	{"hold packets from web for 50 ms, delay falling to 5 ms over 10 s in 10 steps",
		scenario.Fault{From: "web", Do: scenario.Action{Delay: 50 * ms},
			Ramp: &scenario.Ramp{Over: 10 * second, Steps: 10, Delay: 5 * ms}}},
	{"squeeze packets from web to 10 Mbit/s, rate falling to 64 kbit/s over 90 s in 4 steps",
		scenario.Fault{From: "web", Do: scenario.Action{Rate: 10_000_000},
			Ramp: &scenario.Ramp{Over: 90 * second, Steps: 4, Rate: 64_000}}},
}

func TestFaultsInWords(t *testing.T) {
	for _, c := range said {
		t.Run(c.want, func(t *testing.T) { require.Equal(t, c.want, describe.Fault(&c.fault)) })
	}
}

// TestEveryKeyIsSaid finds keys of the language that the table above has no fault for, and values that change
// nothing in the words.
func TestEveryKeyIsSaid(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range said {
		for _, part := range []any{c.fault.Select, c.fault.Do, c.fault.Ramp} {
			visit(reflect.ValueOf(part), seen)
		}
	}
	for _, c := range forged {
		visit(reflect.ValueOf(c.segment), seen)
	}
	missing := map[string]bool{}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[scenario.Select](), reflect.TypeFor[scenario.Action](), reflect.TypeFor[scenario.Ramp](),
		reflect.TypeFor[scenario.Cell](),
		reflect.TypeFor[scenario.Slot](), reflect.TypeFor[scenario.Loss](), reflect.TypeFor[scenario.GEModel](),
		reflect.TypeFor[scenario.StateModel](), reflect.TypeFor[scenario.Inject](), reflect.TypeFor[scenario.Segment](),
	} {
		for i := range typ.NumField() {
			if name := typ.Name() + "." + typ.Field(i).Name; !seen[name] {
				missing[name] = true
			}
		}
	}
	require.Empty(t, missing, "keys without words: add them here and to the words")

	words := map[string]bool{}
	for _, c := range said {
		require.False(t, words[c.want], "two faults with the same words: %s", c.want)
		words[c.want] = true
	}
}

// visit notes the fields that are set.
func visit(v reflect.Value, seen map[string]bool) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			seen[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			visit(v.Field(i), seen)
		}
	}
}

// TestEveryClassHasAName goes by the enum that the scenario's reader goes by.
func TestEveryClassHasAName(t *testing.T) {
	field, _ := reflect.TypeFor[scenario.Select]().FieldByName("Packets")
	names := map[string]bool{}
	for _, class := range strings.Split(field.Tag.Get("enum"), ",") {
		f := scenario.Fault{From: "a", Select: scenario.Select{Packets: scenario.Packets(class)},
			Do: scenario.Action{Drop: true}}
		words := describe.Fault(&f)
		require.NotContains(t, words, "  ", class)
		require.False(t, names[words], class)
		names[words] = true
	}
}

// forged are segments and what is said of them.
var forged = []struct {
	want    string
	segment scenario.Segment
}{
	{"to web: ACK, seq what web expects next, ack all that web has sent", scenario.Segment{To: "web"}},
	{"to web: PSH+ACK with 100 B of payload, seq 1,000,000 ahead of what web expects next, " +
		"ack 5 behind all that web has sent, 3 times",
		scenario.Segment{To: "web", Flags: "psh+ack", Payload: 100, Seq: 1_000_000, Ack: -5, Count: 3}},
	{"to web: ACK, seq what web expects next, ack all that web has sent, window 0, 10 s old",
		scenario.Segment{To: "web", Window: new(int), Age: 10_000_000_000}},
}

func TestForgedSegments(t *testing.T) {
	for _, c := range forged {
		require.Equal(t, c.want, describe.Segment(&c.segment))
	}
}

func TestWhen(t *testing.T) {
	drop := scenario.Action{Drop: true}
	inject := scenario.Action{Inject: &scenario.Inject{Flow: "idle"}}
	for _, c := range []struct {
		want  string
		fault scenario.Fault
	}{
		{"all the time", scenario.Fault{Do: drop}},
		{"from 3 s to 9 s", scenario.Fault{Do: drop, At: 3 * second, For: 6 * second}},
		{"from 3 s to 9 s (phase storm)", scenario.Fault{Do: drop, At: 3 * second, For: 6 * second, Phase: "storm"}},
		{"from 1 min to the end", scenario.Fault{Do: drop, At: 60 * second}},
		{"for 200 ms every 2 s, 5 times from 3 s on", scenario.Fault{Do: drop, At: 3 * second, For: 200 * ms, Every: 2 * second, Times: 5}},
		{"for 200 ms every 2 s, from 3 s to the end", scenario.Fault{Do: drop, At: 3 * second, For: 200 * ms, Every: 2 * second}},
		{"once, at 3 s", scenario.Fault{Do: inject, At: 3 * second}},
		{"every 2 s, 2 times from 3 s on", scenario.Fault{Do: inject, At: 3 * second, Every: 2 * second, Times: 2}},
	} {
		require.Equal(t, c.want, describe.When(&c.fault))
	}
}

func TestBrief(t *testing.T) {
	for want, f := range map[string]scenario.Fault{
		"drop":              {Do: scenario.Action{Drop: true}},
		"drop, 10 %":        {Select: scenario.Select{Chance: share(0.1)}, Do: scenario.Action{Drop: true}},
		"delay 5 ms":        {Select: scenario.Select{Chance: share(1)}, Do: scenario.Action{Delay: 5 * ms}},
		"reorder 500 µs":    {Do: scenario.Action{Reorder: ms / 2}},
		"duplicate 3×, 2 %": {Select: scenario.Select{Chance: share(0.02)}, Do: scenario.Action{Duplicate: 3}},
		"rate 1.5 Mbit/s":   {Do: scenario.Action{Rate: 1_500_000}},
		"mtu 1280 B":        {Do: scenario.Action{MTU: 1280}},
		"loss 2 %":          {Do: scenario.Action{Loss: &scenario.Loss{Random: share(0.02)}}},
		"loss":              {Do: scenario.Action{Loss: &scenario.Loss{GEModel: &scenario.GEModel{}}}},
		"down":              {Do: scenario.Action{Down: true}},
	} {
		require.Equal(t, want, describe.Brief(&f))
	}
}
