package capture_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/machine/vm/vmtest"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

const seed = 11

// template is the frozen machine of these tests.
var template = sync.OnceValues(func() (*vm.Template, error) {
	qemu, err := vm.ChooseQEMU(context.Background(), "")
	if err != nil {
		return nil, err
	}
	k, err := vmtest.Kernel()
	if err != nil {
		return nil, err
	}
	self, err := vm.Self()
	if err != nil {
		return nil, err
	}
	return vm.OpenTemplate(context.Background(), vm.Config{QEMU: qemu, Kernel: k, Init: self, Memory: 640 << 20, Shift: 1},
		nil)
})

// watchers are faults that watch each class in both directions, with a chance.
func watchers(chance string) (list []string) {
	for _, c := range classes {
		list = append(list,
			fmt.Sprintf("{name: %s, link: [a, b], select: {packets: %s, chance: %s}, do: watch}", name(c, chance), c, chance))
	}
	return list
}

func name(c scenario.Packets, chance string) string {
	return string(c) + "-" + strings.TrimSuffix(chance, "%")
}

// experimentIn carries out an order in a clone and returns what came of it, and the capture's file.
func (o order) in(t *testing.T, text string) (*outcome, string) {
	t.Helper()
	s, err := scenario.Parse("lab.yaml", []byte(text), nil)
	require.NoError(t, err)
	o.Scenario, err = s.Canonical()
	require.NoError(t, err)
	payload, err := json.Marshal(o)
	require.NoError(t, err)
	machine, err := template()
	require.NoError(t, err)
	spool, err := pcapng.Open(t.TempDir(), o.Snap)
	require.NoError(t, err)
	defer spool.Close()
	var output bytes.Buffer
	clone := machine.Command(payload)
	clone.Output = &output
	clone.Attachments = func(name string) (io.Writer, error) {
		link, err := protocol.RingLink(name)
		if err != nil {
			return nil, err
		}
		return spool.Ring(link)
	}
	require.NoError(t, clone.Run(t.Context()))
	out := new(outcome)
	require.NoError(t, json.Unmarshal(output.Bytes(), out))
	require.Empty(t, out.Err)
	spool.Take(out.Taken)
	files, err := spool.Write(t.Context(), s, pcapng.Origin{Seed: o.Seed})
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Zero(t, files[0].Lost, "the ring is to hold all of it")
	return out, files[0].Path
}

// tally of one watcher, over both directions.
type tally struct{ matched, chosen int64 }

// check holds what the watchers saw against the decoder, packet by packet, and returns how much it was.
func check(t *testing.T, seen map[string][]sighting, chance string) map[scenario.Packets]tally {
	t.Helper()
	share := map[string]float64{"100%": 1, "50%": .5}[chance]
	sum := map[scenario.Packets]tally{}
	for _, way := range []string{"a>b", "b>a"} {
		j := judge{map[identity]string{}}
		lots, want := map[scenario.Packets]*lot{}, map[scenario.Packets][]uint64{}
		for _, c := range classes {
			lots[c] = newLot(seed, name(c, chance), share)
		}
		sent := map[uint64][]byte{}
		for _, p := range seen[way+" sent"] {
			sent[p.id] = p.data
			d := j.look(p.data)
			for _, c := range classes {
				if !d.is[c] {
					continue
				}
				n := sum[c]
				n.matched++
				if lots[c].draw(d.flow) {
					n.chosen++
					want[c] = append(want[c], p.id)
				}
				sum[c] = n
			}
		}
		for _, c := range classes {
			touched := seen[way+" fault "+name(c, chance)]
			for i := range max(len(touched), len(want[c])) {
				switch {
				case i >= len(touched):
					require.FailNow(t, "a mistake", "%s, %s: packet %d should have been touched: %x", way, c, want[c][i],
						sent[want[c][i]])
				case i >= len(want[c]) || touched[i].id != want[c][i]:
					require.FailNow(t, "a mistake", "%s, %s, the %dth: packet %d was touched, of %d that should have been %v: %x",
						way, c, i+1, touched[i].id, len(want[c]), want[c][i:min(i+1, len(want[c]))], touched[i].data)
				}
			}
		}
	}
	return sum
}

func lab(sysctls string, faults ...string) string {
	return "version: 1\nname: lab\nduration: 1h\nmachine: {memory: 512MiB}\nnodes: {a: {sysctls: {" + sysctls +
		"}}, b: {sysctls: {" + sysctls + "}}}\n" +
		"links: [{between: [a, b], delay: 2ms}]\nfaults:\n  - " + strings.Join(faults, "\n  - ") + "\n"
}

// Ten thousand packets of each class, of every shape: no selector makes a single mistake, and
// which packets are chosen is what the documented hash says.
func TestSelectorsMakeNoMistakeOnPacketsOfEveryShape(t *testing.T) {
	const each = 10_000
	for _, chance := range []string{"100%", "50%"} {
		t.Run(chance, func(t *testing.T) {
			out, path := order{Seed: seed, Snap: capture.Whole, Crafted: each}.in(t, lab("", watchers(chance)...))
			sum := check(t, readFile(t, path), chance)
			require.Empty(t, out.Because)
			for i, c := range classes {
				t.Logf("%-8s  %6d matched, %6d chosen", c, sum[c].matched, sum[c].chosen)
				require.GreaterOrEqual(t, sum[c].matched, int64(each), c)
				require.Equal(t, sum[c], tally{out.Receipts[i].Matched, out.Receipts[i].Chosen}, c)
			}
		})
	}
}
