package fault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// Package netem reads back what it adds. Here it does so on a kernel that has netem.
func TestTheKernelKeepsWhatNetemIsTold(t *testing.T) {
	const limit = 1000
	seed := uint64(1<<63 + 7)
	l := buildLab(t, "")
	wire, device := l.wires[0], l.links[0].Ends[0].WireIndex
	for name, q := range map[string]netem.Qdisc{
		"50 us":           {Latency: 50 * time.Microsecond, Limit: limit},
		"1 ns":            {Latency: 1, Limit: limit},
		"beyond 32 bits":  {Latency: 400 * time.Second, Jitter: time.Second + 1, Limit: limit},
		"all shares":      {Latency: time.Millisecond, Loss: 1, Duplicate: 2, Corrupt: 3, Reorder: 4, Gap: 5, Limit: limit},
		"everything lost": {Loss: netem.All, Limit: limit},
		"correlations": {Latency: 1, Loss: 1, Duplicate: 1, Corrupt: 1, Reorder: 1, Gap: 1, Limit: limit,
			Correlation: netem.Correlation{Delay: 1, Loss: 2, Duplicate: 3, Reorder: 4, Corrupt: 5}},
		"gap without share":    {Latency: 1, Gap: 7, Limit: limit},
		"slow rate":            {Rate: &netem.Rate{BytesPerSecond: 1}, Limit: 1},
		"rate beyond 32 bits":  {Rate: &netem.Rate{BytesPerSecond: 5e9, PacketOverhead: -4, CellSize: 48, CellOverhead: 5}, Limit: limit},
		"Gilbert-Elliott":      {Model: netem.GilbertElliott{ToBad: 1, ToGood: 2, LossBad: 3, LossGood: 4}, Limit: limit},
		"four states":          {Model: netem.FourState{P13: 1, P31: 2, P32: 3, P14: 4, P23: 5}, Limit: limit},
		"ECN":                  {Loss: 9, ECN: true, Limit: limit},
		"slots":                {Slot: &netem.Slot{MinDelay: 1, MaxDelay: 2, MaxPackets: 3, MaxBytes: 4}, Limit: limit},
		"slots without bounds": {Slot: &netem.Slot{MinDelay: 1, MaxDelay: 2}, Limit: limit},
		"greatest limit":       {Limit: 1<<32 - 1},
		"seed":                 {Loss: 9, Limit: limit, Seed: &seed},
	} {
		t.Run(name, func(t *testing.T) {
			err := wire.conn.Add(device, rootHandle, netem.Root, q)
			if q.Seed != nil && err != nil { // the one thing that older kernels do not know
				require.EqualError(t, err,
					"read netem back: asked for seed 9223372036854775815, the kernel has none (it needs Linux 6.6)")
			} else {
				require.NoError(t, err)
			}
			require.ErrorContains(t, wire.conn.Add(device, rootHandle, netem.Root, q), "file exists", "no replacing in silence")
			require.NoError(t, removeNetem(wire.handle, wire.name, device))
		})
	}
}
