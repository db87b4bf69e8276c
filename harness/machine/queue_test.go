package machine_test

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

const narrow = `
version: 1
name: narrow
warmup: 200ms
duration: 4s
timeline: 200ms
nodes:
  client: {}
  web: {service: {php: {workers: 5, request: {cpu: 0s, response: 60kB}}}}
load:
  - {from: client, to: web, http: {arrivals: constant, rate: 2/s, timeout: 10s}}
`

// stay is a packet on its way from web to client: when it was sent and when it arrived, or 0, from the start of the
// measured window.
type stay struct {
	in, out time.Duration
	length  int
}

// stays runs the scenario on a kernel and reads from the capture when each packet of web's was where.
func stays(t *testing.T, kernel, more string) (*result.Record, []stay) {
	t.Helper()
	s, err := expect.Parse("narrow.yaml", []byte(narrow+more), nil)
	require.NoError(t, err)
	record, r := captured(t, s, kernel)
	// by what they are: TCP gives each segment an IP identification of its own, those sent again too
	sent := map[string]int{}
	var list []stay
	for {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return record, list
		}
		require.NoError(t, err)
		face, err := r.Interface(ci.InterfaceIndex)
		require.NoError(t, err)
		switch when := ci.Timestamp.Sub(pcapng.Epoch); face.Name {
		case "web>client sent":
			require.NotContains(t, sent, string(data))
			sent[string(data)] = len(list)
			list = append(list, stay{in: when, length: ci.Length})
		case "web>client received":
			require.Contains(t, sent, string(data))
			list[sent[string(data)]].out = when
		}
	}
}

// waiting works out of the packets' times what a queue has held in the window: a packet is in it from when it was sent
// until so long before it arrived.
func waiting(list []stay, after, window time.Duration) (lost int, mean, bytes float64, most int) {
	type change struct {
		at time.Duration
		by int
	}
	var changes []change
	for _, p := range list {
		if p.out == 0 {
			if p.in >= 0 && p.in < window {
				lost++
			}
			continue
		}
		in, out := min(max(p.in, 0), window), min(max(p.out-after, 0), window)
		held := (out - in).Seconds() / window.Seconds()
		mean += held
		bytes += held * float64(p.length)
		if out > in {
			changes = append(changes, change{in, 1}, change{out, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) })
	now := 0
	for _, c := range changes {
		now += c.by
		most = max(most, now)
	}
	return lost, mean, bytes, most
}

// What the record says of a queue is what a capture at both ends of the wire says: packets sent less packets
// received, over time.
func TestQueuesAreWhatTheCaptureSays(t *testing.T) {
	for _, c := range []struct {
		name, more, queue string
		after             time.Duration // the queue, until it arrives
		drops             bool
	}{
		{"a link's", "links: [{between: [client, web], delay: 5ms, rate: 1mbit, queue: 8}]\n", "link.client-web.from.web", 5 * time.Millisecond, true},
		{"a link's without a length", "links: [{between: [client, web], delay: 5ms, rate: 2mbit}]\n", "link.client-web.from.web", 0, false},
		{"a fault's", "links: [{between: [client, web], delay: 1ms}]\n" +
			"faults: [{name: narrow, link: [client, web], from: web, do: {rate: 1mbit, queue: 12}}]\n",
			"fault.narrow", time.Millisecond, true},
		{"a ramp's", "links: [{between: [client, web], delay: 1ms}]\nfaults: [{name: narrow, link: [client, web], " +
			"from: web, do: {rate: 3mbit, queue: 12}, ramp: {over: 3s, steps: 4, rate: 500kbit}}]\n",
			"fault.narrow", time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kernel := range kernels(t) {
				r, list := stays(t, kernel, c.more)
				get := func(name string) float64 {
					m, ok := r.Metrics[c.queue+".queue."+name]
					require.True(t, ok, name)
					return m.Value
				}
				lost, mean, bytes, most := waiting(list, c.after, 4*time.Second)
				t.Logf("%s: lost %d, mean %.4f (the record: %.4f), %.1f B (%.1f B), most %d (%v)", r.Provenance.Kernel, lost, mean,
					get("mean"), bytes, get("bytes.mean"), most, get("max"))
				require.Equal(t, c.drops, lost > 0)
				require.EqualValues(t, lost, get("drops"))
				require.Greater(t, mean, 1.)
				require.InEpsilon(t, mean, get("mean"), 0.002)
				require.InEpsilon(t, bytes, get("bytes.mean"), 0.002)
				require.InDelta(t, most, get("max"), 1, "one arrives while another is between the queue and its far end")
				require.LessOrEqual(t, get("bytes.max"), get("max")*1514)
				sum, drops := 0., 0.
				for i, v := range r.Timeline.Series[c.queue+".queue"] {
					sum += v
					drops += r.Timeline.Series[c.queue+".queue.drops"][i]
				}
				require.InEpsilon(t, get("mean"), sum/20, 0.001)
				require.EqualValues(t, lost, drops)
			}
		})
	}
}
