package machine_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const paired = `
version: 1
name: paired
warmup: 200ms
duration: 4s
nodes:
  client: {}
  web: {service: {php: {workers: 10, request: {cpu: 500us, response: 40kB}}}}
links:
  - {between: [client, web], delay: 5ms}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 30/s, timeout: 10s}}
faults:
`

const lossFault = `  - {name: loss, link: [client, web], from: web, select: {packets: data, chance: 3%}, do: drop}` +
	"\n"

// segment is what web sent of a flow, without what only tells the time (timestamps, and the first sequence numbers,
// which the kernel makes of it), and whether the fault loss chose it.
type segment struct {
	content string
	at      time.Duration // from the start of the measured window
	data    bool
	chosen  bool
}

// segments runs the scenario with these faults, and returns what web sent, by flow.
func segments(t *testing.T, faults string) (flows map[string][]segment) {
	t.Helper()
	s, err := expect.Parse("paired.yaml", []byte(paired+faults), nil)
	require.NoError(t, err)
	_, r := captured(t, s, "")
	chosen, flows := map[uint64]bool{}, map[string][]segment{}
	type place struct {
		flow string
		n    int
	}
	where := map[uint64]place{}
	first := map[string][2]uint32{}
	for {
		data, ci, o, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		face, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		switch face.Name {
		case "web>client fault loss":
			chosen[*o.PacketID] = true
		case "web>client sent":
			flow, s := describe(t, data, ci, first)
			where[*o.PacketID] = place{flow, len(flows[flow])}
			flows[flow] = append(flows[flow], s)
		}
	}
	for id, p := range where {
		flows[p.flow][p.n].chosen = chosen[id]
	}
	require.NotEmpty(t, chosen)
	return flows
}

// captured runs a scenario with one link, and returns what was captured, whole, beside the record.
func captured(t *testing.T, s *scenario.Scenario, kernel string) (*result.Record, *pcapgo.NgReader) {
	t.Helper()
	spool, err := pcapng.Open(t.TempDir(), capture.DefaultSnap)
	require.NoError(t, err)
	defer spool.Close()
	record, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: 5, Kernel: kernel, Capture: spool})
	require.NoError(t, err)
	require.True(t, record.Valid, record.InvalidBecause)
	require.Equal(t, capture.DefaultSnap, record.Provenance.Capture)
	files, err := spool.Write(t.Context(), s, pcapng.Origin{Run: record.Run, Digest: record.Digest})
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Zero(t, files[0].Lost)
	f, err := os.Open(files[0].Path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	return record, r
}

// describe puts numbers relative to those of the SYN-ACK, which it notes in first.
func describe(t *testing.T, data []byte, ci gopacket.CaptureInfo, first map[string][2]uint32) (string, segment) {
	t.Helper()
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default)
	h, ok := p.TransportLayer().(*layers.TCP)
	require.True(t, ok, "nothing but TCP is sent")
	ip := p.NetworkLayer().(*layers.IPv4)
	payload := int(ip.Length) - int(ip.IHL)*4 - int(h.DataOffset)*4
	flow := ip.DstIP.String() + ":" + h.DstPort.String()
	if h.SYN {
		first[flow] = [2]uint32{h.Seq, h.Ack}
	}
	options := ""
	for _, o := range h.Options {
		if o.OptionType == layers.TCPOptionKindSACK {
			for i := 0; i+4 <= len(o.OptionData); i += 4 {
				options += fmt.Sprint(" ", binary.BigEndian.Uint32(o.OptionData[i:])-first[flow][1])
			}
		}
	}
	content := fmt.Sprintf("seq %d ack %d flags %x payload %d sack%s", h.Seq-first[flow][0], h.Ack-first[flow][1],
		data[14+int(ip.IHL)*4+13], payload, options)
	return flow, segment{content: content, at: ci.Timestamp.Sub(pcapng.Epoch), data: payload > 0}
}

// A second fault is switched on: the first one's decisions stay what they were, packet by
// packet, up to the first moment at which the flows themselves differ. And after that too, the nth data segment of
// a flow has the fate that it had, whatever is in it by then.
func TestASecondFaultChangesNoDecisionOfTheFirst(t *testing.T) {
	alone := segments(t, lossFault)
	for _, c := range []struct{ name, faults string }{
		{"one that watches, in front of it", "  - {name: eye, link: [client, web], from: web, select: {chance: 50%}, do: watch}\n" + lossFault},
		{"one that loses ACKs of the other direction, later", lossFault + "  - {name: later, link: [client, web], " +
			"from: client, select: {packets: pure-ack, chance: 40%}, do: drop, at: 2s}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			both := segments(t, c.faults)
			differ, flow := firstDifference(alone, both)
			t.Logf("the flows first differ at %v, %s", differ, flow)
			same, chosen, later, laterChosen := 0, 0, 0, 0
			for name, a := range alone {
				b := both[name]
				for i := range min(len(a), len(b)) {
					if a[i].at < differ {
						require.Equal(t, a[i].content, b[i].content)
						require.Equal(t, a[i].chosen, b[i].chosen, "%s, packet %d at %v: %s", name, i, a[i].at, a[i].content)
						same++
						if a[i].chosen {
							chosen++
						}
					}
				}
				da, db := only(a), only(b)
				for n := range min(len(da), len(db)) {
					require.Equal(t, da[n].chosen, db[n].chosen, "%s, data segment %d", name, n)
					if da[n].at >= differ {
						later++
						if da[n].chosen {
							laterChosen++
						}
					}
				}
			}
			t.Logf("%d packets before that had the same fate, %d of them lost; "+
				"so did %d data segments behind it, %d of them lost", same, chosen, later, laterChosen)
			// When flows begin to differ depends on microseconds, and so on the build; how much is compared does not.
			require.Greater(t, same, 50)
			require.Greater(t, same+later, 2000)
			require.Greater(t, chosen+laterChosen, 50)
		})
	}
}

// only returns the segments with data that the fault counts: those within its time.
func only(list []segment) (data []segment) {
	for _, s := range list {
		if s.data && s.at >= 0 {
			data = append(data, s)
		}
	}
	return data
}

// firstDifference is when the content of flows first differs: an hour if it never does.
func firstDifference(a, b map[string][]segment) (first time.Duration, flow string) {
	first = time.Hour
	note := func(at time.Duration, name string) {
		if at < first {
			first, flow = at, name
		}
	}
	for name := range a {
		x, y := a[name], b[name]
		for i := range max(len(x), len(y)) {
			switch {
			case i >= len(x):
				note(y[i].at, name)
			case i >= len(y):
				note(x[i].at, name)
			case x[i].content != y[i].content:
				note(min(x[i].at, y[i].at), name)
			default:
				continue
			}
			break
		}
	}
	for name, y := range b {
		if _, ok := a[name]; !ok {
			note(y[0].at, name)
		}
	}
	return first, flow
}
