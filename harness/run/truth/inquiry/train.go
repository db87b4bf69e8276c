package inquiry

import (
	"fmt"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// step is the unit of delays in trains: long against what a machine takes to send a train.
const step = 10 * time.Millisecond

// trains are the models that fingerprints cover; random ones need a seed. Correlation is not among them: it begins with
// a number that is not of the seeded stream (init_crandom).
var trains = []struct {
	model  string
	qdisc  netem.Qdisc
	random bool
}{
	{"nothing", netem.Qdisc{Limit: limit}, false},
	{"delay", netem.Qdisc{Latency: 3 * step, Limit: limit}, false},
	{"delay of a nanosecond more", netem.Qdisc{Latency: 3*step + 1, Limit: limit}, false},
	{"limit", netem.Qdisc{Latency: 2 * step, Limit: 5}, false},
	{"rate", netem.Qdisc{Rate: &netem.Rate{BytesPerSecond: 6000}, Limit: limit}, false}, // 60 bytes take a step
	{"rate with overhead", netem.Qdisc{Rate: &netem.Rate{BytesPerSecond: 6000, PacketOverhead: 60}, Limit: limit}, false},
	{"rate in cells", netem.Qdisc{Rate: &netem.Rate{BytesPerSecond: 6000, CellSize: 50, CellOverhead: 10}, Limit: limit},
		false},
	{"rate and delay", netem.Qdisc{Latency: 2 * step, Rate: &netem.Rate{BytesPerSecond: 6000}, Limit: limit}, false},
	{"reorder, one in three", netem.Qdisc{Latency: 2 * step, Gap: 3, Reorder: netem.All, Limit: limit}, false},
	{"duplicate", netem.Qdisc{Duplicate: netem.All, Limit: limit}, false},
	{"duplicate and delay", netem.Qdisc{Duplicate: netem.All, Latency: step, Limit: limit}, false},
	{"loss and duplicate", netem.Qdisc{Loss: netem.All, Duplicate: netem.All, Limit: limit}, false},
	{"slots of two", netem.Qdisc{Slot: &netem.Slot{MinDelay: 2 * step, MaxDelay: 2 * step, MaxPackets: 2}, Limit: limit},
		false},
	{"loss", netem.Qdisc{Loss: netem.ShareOf(.3), Limit: limit}, true},
	{"gemodel", netem.Qdisc{Model: netem.GilbertElliott{ToBad: netem.ShareOf(.3), ToGood: netem.ShareOf(.4),
		LossBad: netem.ShareOf(.8), LossGood: netem.ShareOf(.1)}, Limit: limit}, true},
	{"state", netem.Qdisc{Model: netem.FourState{P13: netem.ShareOf(.2), P31: netem.ShareOf(.4), P32: netem.ShareOf(.3),
		P23: netem.ShareOf(.5), P14: netem.ShareOf(.1)}, Limit: limit}, true},
	{"duplicate at random", netem.Qdisc{Duplicate: netem.ShareOf(.4), Limit: limit}, true},
	{"reorder at random", netem.Qdisc{Latency: 2 * step, Gap: 1, Reorder: netem.ShareOf(.4), Limit: limit}, true},
	{"table", tabled(), true},
	{"table in order", ordered(), true},
}

// tabled has delays of 1 to 8 steps, each as likely as the next.
func tabled() netem.Qdisc {
	var list []time.Duration
	for i := range 8 {
		list = append(list, time.Duration(i+1)*step)
	}
	q := netem.Qdisc{Limit: limit}
	q.Latency, q.Jitter, q.Table = netem.Empirical(list)
	return q
}

func ordered() netem.Qdisc {
	q := tabled()
	q.Rate = &netem.Rate{BytesPerSecond: 1 << 62}
	return q
}

// trainLength is how many packets a train has.
const trainLength = 24

// sendTrains sends all trains that this kernel's answers allow.
func (b *bench) sendTrains() (list []truth.Train, err error) {
	seed := uint64(2026)
	for _, t := range trains {
		q := t.qdisc
		if t.random {
			if b.knows("seed") != truth.Yes {
				continue
			}
			q.Seed = &seed
		}
		if err := b.add(q); err != nil {
			return nil, fmt.Errorf("%s: %w", t.model, err)
		}
		got, err := b.send(trainLength)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.model, err)
		}
		var saw []string
		for _, a := range got {
			saw = append(saw, fmt.Sprintf("%d@%d", a.number, (a.after+step/2)/step))
		}
		list = append(list, truth.Train{Model: t.model, Saw: strings.Join(saw, " ")})
	}
	return list, nil
}

// numbers are those of the packets that arrived, in order.
func numbers(list []arrival) string {
	var b []string
	for _, a := range list {
		b = append(b, fmt.Sprint(a.number))
	}
	return strings.Join(b, " ")
}
