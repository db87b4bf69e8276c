package capture_test

import (
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario"
)

// features of TCP that packets show.
type features struct {
	stamps, sack, ecn int
}

func featuresOf(seen map[string][]sighting) (f features) {
	for _, way := range []string{"a>b sent", "b>a sent"} {
		for _, s := range seen[way] {
			p := gopacket.NewPacket(s.data, layers.LayerTypeEthernet, gopacket.NoCopy)
			h, ok := p.TransportLayer().(*layers.TCP)
			if !ok {
				continue
			}
			if h.ECE || h.CWR {
				f.ecn++
			}
			for _, o := range h.Options {
				switch o.OptionType {
				case layers.TCPOptionKindTimestamps:
					f.stamps++
				case layers.TCPOptionKindSACK:
					f.sack++
				}
			}
		}
	}
	return f
}

// What kernels send by themselves, with segments lost on the way: no mistake either, and of the
// faults that lose them, exactly the packets that the hash says are missing.
func TestSelectorsMakeNoMistakeOnRealTraffic(t *testing.T) {
	for _, c := range []struct {
		name, sysctls string
		want          func(t *testing.T, f features)
	}{
		{"timestamps, SACK and ECN", "net.ipv4.tcp_timestamps: 1, net.ipv4.tcp_sack: 1, net.ipv4.tcp_ecn: 1",
			func(t *testing.T, f features) {
				require.Greater(t, f.stamps, 1000)
				require.Greater(t, f.sack, 100)
				require.Greater(t, f.ecn, 100)
			}},
		{"SACK", "net.ipv4.tcp_timestamps: 0, net.ipv4.tcp_sack: 1, net.ipv4.tcp_ecn: 0", func(t *testing.T, f features) {
			require.Zero(t, f.stamps)
			require.Greater(t, f.sack, 100)
			require.Zero(t, f.ecn)
		}},
		{"none", "net.ipv4.tcp_timestamps: 0, net.ipv4.tcp_sack: 0, net.ipv4.tcp_ecn: 0", func(t *testing.T, f features) {
			require.Zero(t, f.stamps)
			require.Zero(t, f.sack)
			require.Zero(t, f.ecn)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults := append(watchers("100%"), watchers("50%")...)
			faults = append(faults,
				"{name: loss, link: [a, b], select: {packets: data, chance: 2%}, do: drop}",
				"{name: ack-loss, link: [a, b], select: {packets: pure-ack, chance: 10%}, do: drop}")
			out, path := order{Seed: seed, Snap: capture.Whole}.in(t, lab(c.sysctls, faults...))
			require.Empty(t, out.Because)
			seen := readFile(t, path)
			c.want(t, featuresOf(seen))
			all, half := check(t, seen, "100%"), check(t, seen, "50%")
			for i, class := range classes {
				t.Logf("%-8s  %6d matched, %6d chosen of them", class, all[class].matched, half[class].chosen)
				require.Positive(t, all[class].matched, class)
				require.Equal(t, all[class], tally{out.Receipts[i].Matched, out.Receipts[i].Chosen}, class)
				require.Equal(t, half[class], tally{out.Receipts[len(classes)+i].Matched, out.Receipts[len(classes)+i].Chosen},
					class)
			}
			checkLoss(t, seen, "a>b")
			checkLoss(t, seen, "b>a")
		})
	}
}

// checkLoss makes sure that what was sent and not lost by decision was received, in its order, and nothing else.
func checkLoss(t *testing.T, seen map[string][]sighting, way string) {
	t.Helper()
	j := judge{map[identity]string{}}
	data, acks := newLot(seed, "loss", .02), newLot(seed, "ack-loss", .1)
	var want [][]byte
	lost := 0
	for _, p := range seen[way+" sent"] {
		d := j.look(p.data)
		var says []string
		for _, s := range p.comments {
			if strings.HasPrefix(s, "loss: ") || strings.HasPrefix(s, "ack-loss: ") {
				says = append(says, s)
			}
		}
		if d.is[scenario.DataSegment] && data.draw(d.flow) || d.is[scenario.PureACK] && acks.draw(d.flow) {
			lost++
			require.Len(t, says, 1, "what is lost says so where it was sent")
			continue
		}
		require.Empty(t, says)
		want = append(want, p.data)
	}
	require.Positive(t, lost)
	got := seen[way+" received"]
	require.Len(t, got, len(want))
	for i := range got {
		require.Equal(t, want[i], got[i].data)
	}
}
