package fault

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/choice"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// books are the counters of one link between a and b, on which faults act, as a test wants them to be.
type books struct {
	*Wires
	s snapshot
}

func newBooks(t *testing.T, link scenario.Link, faults ...scenario.Fault) *books {
	t.Helper()
	link.Between = [2]string{"a", "b"}
	for i := range faults {
		f := &faults[i]
		f.Name, f.Link = fmt.Sprint("f", i), link.Between
	}
	p, err := newPlan(&scenario.Scenario{Links: []scenario.Link{link}, Faults: faults})
	require.NoError(t, err)
	w := &Wires{plan: p, faults: faults, links: []*topology.Link{{Spec: link}}, state: &state{},
		injectors: make([]*injector, len(faults))}
	for i := range faults {
		w.state.orders = append(w.state.orders, newOrders(0, choice.Key(7, faults[i].Name)))
	}
	return &books{w, snapshot{counters: make(counters, p.counters), qdiscs: map[place]netem.Stats{}}}
}

func (b *books) receipt(i int, s snapshot) (result.Receipt, []string) {
	var because result.Reasons
	r := b.Wires.receipt(i, s, &because)
	return r, texts(because)
}

func (b *books) linkLoss(i int, s snapshot) []string {
	var because result.Reasons
	b.Wires.linkLoss(&because, i, s)
	return texts(because)
}

// texts are the reasons as a person reads them; each has a kind.
func texts(because result.Reasons) (list []string) {
	for _, b := range because {
		if b.Kind == "" {
			panic("no kind: " + b.Text)
		}
		list = append(list, b.String())
	}
	return list
}

func (b *books) set(s slot, n int64) { b.s.counters[s/8] = uint64(n) }

// passed sets what came to each boundary of a path: before its first stage, after each, and at the far node.
func (b *books) passed(path int, counts ...int64) {
	for i, n := range counts {
		b.set(b.plan.paths[path].boundary(i), n)
	}
}

// chose sets what the selector of a stage matched and chose.
func (b *books) chose(path, stage int, matched, chosen int64) {
	c := &b.plan.paths[path].stages[stage].choose
	b.set(c.matched, matched)
	b.set(c.chosen, chosen)
}

// all is a fault on all packets from a.
func all(do scenario.Action) scenario.Fault { return scenario.Fault{From: "a", Do: do} }

func TestPlainReceipts(t *testing.T) {
	const overflowed = "f0: its queue of 10000 packets overflowed: 2 dropped"
	for _, c := range []struct {
		name            string
		do              scenario.Action
		in, chosen, out int64
		qdisc           netem.Stats
		delivered, loss int64
		because         []string // behind "fault "
	}{
		{"drop", scenario.Action{Drop: true}, 100, 100, 0, netem.Stats{}, 100, 0, nil},
		{"drop, and one more is lost", scenario.Action{Drop: true}, 101, 100, 0, netem.Stats{}, 101, 1, []string{
			"f0: delivered 101 packets lost on a to b, 100 were asked for",
			"f0: 1 packets lost of 101 on a to b, for no reason that was asked for"}},
		{"drop, and one comes through", scenario.Action{Drop: true}, 100, 100, 1, netem.Stats{}, 99, -1, []string{
			"f0: delivered 99 packets lost on a to b, 100 were asked for",
			"f0: 1 packets too many of 100 on a to b, for no reason that was asked for"}},
		{"duplicate", scenario.Action{Duplicate: 3}, 100, 100, 400, netem.Stats{}, 300, 0, nil},
		{"duplicate, and a copy is missing", scenario.Action{Duplicate: 3}, 100, 100, 399, netem.Stats{}, 299, 1, []string{
			"f0: delivered 299 extra copies on a to b, 300 were asked for",
			"f0: 1 packets lost of 100 on a to b, for no reason that was asked for"}},
		{"delay", scenario.Action{Delay: ms}, 100, 100, 100, netem.Stats{Packets: 100}, 100, 0, nil},
		{"delay of too few", scenario.Action{Delay: ms}, 100, 100, 100, netem.Stats{Packets: 98}, 98, 0,
			[]string{"f0: delivered 98 packets through its queue on a to b, 100 were asked for"}},
		{"delay that is not over", scenario.Action{Delay: ms}, 100, 100, 99, netem.Stats{Packets: 100, Waiting: 1},
			100, 1, []string{
				"f0: 1 packets lost of 100 on a to b, for no reason that was asked for", "f0: 1 packets are still in its queue"}},
		{"delay with a full queue", scenario.Action{Delay: ms}, 100, 100, 98,
			netem.Stats{Packets: 100, Drops: 1, Overlimits: 1}, 100, 2, []string{
				"f0: 2 packets lost of 100 on a to b, for no reason that was asked for", overflowed}},
		{"watch", scenario.Action{Watch: true}, 100, 100, 100, netem.Stats{}, 100, 0, nil},
		{"watch that touches", scenario.Action{Watch: true}, 100, 100, 99, netem.Stats{}, 100, 1,
			[]string{"f0: 1 packets lost of 100 on a to b, for no reason that was asked for"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooks(t, scenario.Link{}, all(c.do))
			b.passed(0, c.in, c.out, 7777) // what arrives is the link's affair
			b.chose(0, 0, c.chosen, c.chosen)
			b.s.qdiscs[place{role: role{0, 0}}] = c.qdisc
			if len(c.because) > 1 && c.because[1] == overflowed {
				c.because[1] = fmt.Sprintf("f0: its queue of %d packets overflowed: 2 dropped",
					b.plan.paths[0].stages[0].netems[0].Limit)
			}
			r, because := b.receipt(0, b.s)
			require.Equal(t, result.Receipt{
				Name: "f0", Matched: c.chosen, Chosen: c.chosen, Delivered: c.delivered, In: c.in, Out: c.out,
				UnexplainedLoss: c.loss,
				Overlimits:      r.Overlimits, Kinds: r.Kinds, Times: r.Times,
			}, r)
			require.Equal(t, int64(c.qdisc.Drops+c.qdisc.Overlimits), r.Overlimits)
			for i := range c.because {
				c.because[i] = "fault " + c.because[i]
			}
			require.Equal(t, c.because, because)
		})
	}
}

// What a queue of a stated length has no room for is what was asked for; without a stated length it is a mistake in the
// scenario, and there is a key for it.
func TestPlainReceiptsOfQueues(t *testing.T) {
	for queue, want := range map[int][]string{
		5: nil,
		0: {
			"fault f0: delivered 97 packets through its queue on a to b, 100 were asked for",
			"fault f0: 3 packets lost of 100 on a to b, for no reason that was asked for",
			"fault f0: its queue of 1000 packets overflowed: 3 dropped; state its length with the key queue, if that is meant",
		},
	} {
		b := newBooks(t, scenario.Link{}, all(scenario.Action{Rate: mbit, Queue: queue}))
		b.passed(0, 100, 97, 97)
		b.chose(0, 0, 100, 100)
		b.s.qdiscs[place{role: role{0, 0}}] = netem.Stats{Packets: 97, Drops: 2, Overlimits: 1}
		r, because := b.receipt(0, b.s)
		require.Equal(t, want, because)
		require.Equal(t, []int64{97, 3}, []int64{r.Delivered, r.Overlimits})
		require.Equal(t, map[int]int64{5: 5, 0: 1000}[queue], r.Queue)
	}
}

func TestPlainReceiptOfCorruption(t *testing.T) {
	b := newBooks(t, scenario.Link{}, all(scenario.Action{Corrupt: true}))
	b.passed(0, 100, 100, 100)
	b.chose(0, 0, 100, 100)
	b.set(b.plan.paths[0].stages[0].choose.flipped, 99)
	r, because := b.receipt(0, b.s)
	require.Equal(t, int64(99), r.Delivered)
	require.Equal(t, []string{"fault f0: delivered 99 packets with a bit flipped on a to b, 100 were asked for"}, because)
}

func TestPlainAFaultThatNeverActed(t *testing.T) {
	half := scenario.Share(0.5)
	for _, c := range []struct {
		fault                scenario.Fault
		in, matched, because any
	}{
		{all(scenario.Action{Drop: true}), 5, 0, "fault f0: the fault never acted: 0 of 5 packets matched"},
		{scenario.Fault{From: "a", Select: scenario.Select{Nth: 3}, Do: scenario.Action{Drop: true}}, 5, 2,
			"fault f0: the fault never acted: none of 2 packets that matched was chosen"},
		{all(scenario.Action{Loss: &scenario.Loss{Random: &half}}), 1, 1, "fault f0: the fault never acted: its model lost none of 1 packets"},
	} {
		c.fault.Select.Per = scenario.PerLink // so that no table of flows is asked
		b := newBooks(t, scenario.Link{}, c.fault)
		in, matched := int64(c.in.(int)), int64(c.matched.(int))
		b.passed(0, in, in, in)
		chosen := matched
		if c.fault.Select.Nth > 0 {
			chosen = 0
		}
		b.chose(0, 0, matched, chosen)
		r, because := b.receipt(0, b.s)
		require.Zero(t, r.Delivered)
		require.Equal(t, []string{c.because.(string)}, because)
	}
}

// Both directions are added up, and each has to balance for itself.
func TestPlainReceiptsAddUpDirections(t *testing.T) {
	b := newBooks(t, scenario.Link{}, scenario.Fault{Do: scenario.Action{Duplicate: 1}})
	b.passed(0, 10, 20, 20)
	b.passed(1, 7, 14, 14)
	b.chose(0, 0, 10, 10)
	b.chose(1, 0, 7, 7)
	r, because := b.receipt(0, b.s)
	require.Empty(t, because)
	require.Equal(t, []int64{17, 17, 17, 17, 34}, []int64{r.Matched, r.Chosen, r.Delivered, r.In, r.Out})

	// So are the kinds of the chosen.
	sum, more := selection{}, selection{}
	sum.kinds[1], more.kinds[1], more.kinds[2] = 3, 4, 5
	sum.add(more)
	require.Equal(t, []int64{0, 7, 5}, sum.kinds[:3])

	b.passed(0, 10, 19, 19) // a copy less here, and one more there
	b.passed(1, 7, 15, 15)
	r, because = b.receipt(0, b.s)
	require.Zero(t, r.UnexplainedLoss, "the sum")
	require.Len(t, because, 4, "and yet")

	c := newBooks(t, scenario.Link{}, scenario.Fault{Do: scenario.Action{Delay: ms}})
	for path := range 2 {
		c.passed(path, 5, 5, 5)
		c.chose(path, 0, 5, 5)
		c.s.qdiscs[place{role: role{path, 0}}] = netem.Stats{Packets: 5, Overlimits: 1}
	}
	r, because = c.receipt(0, c.s)
	require.Equal(t, int64(2), r.Overlimits)
	require.Len(t, because, 2)
}

// More packets than the decisions choose, or fewer, make a receipt that says so.
func TestPlainReceiptsCheckTheChoice(t *testing.T) {
	chance := scenario.Share(0.25)
	f := scenario.Fault{From: "a", Select: scenario.Select{Chance: &chance, Per: scenario.PerLink},
		Do: scenario.Action{Drop: true}}
	b := newBooks(t, scenario.Link{}, f)
	d := b.plan.paths[0].stages[0].choose.draws
	start, want := b.state.orders[0].link[0], int64(0)
	for n := range uint64(400) {
		if d.chosenAt(start, n+1, 0) {
			want++
		}
	}
	require.InDelta(t, 100, want, 30)
	for _, off := range []int64{-1, 0, 1} {
		b.passed(0, 1000, 1000-want-off, 1000-want-off)
		b.chose(0, 0, 400, want+off)
		r, because := b.receipt(0, b.s)
		require.Equal(t, want+off, r.Delivered)
		lo, hi := exact(400, big.NewRat(1, 4))
		require.Equal(t, []int64{lo, hi}, r.Interval, "worked out in rational numbers")
		if off == 0 {
			require.Empty(t, because)
			continue
		}
		require.Equal(t, []string{fmt.Sprintf("fault f0: chose %d of 400 packets, %d were to be", want+off, want)}, because)
	}
}

// Netem's own losses are what netem says, and have to be as likely as the model has them.
func TestPlainReceiptsOfModels(t *testing.T) {
	tenth := scenario.Share(0.1)
	lo, hi := exact(1000, big.NewRat(1, 10))
	for _, c := range []struct {
		lost    int64
		because int
	}{{100, 0}, {lo, 0}, {hi, 0}, {lo - 1, 1}, {hi + 1, 1}} {
		b := newBooks(t, scenario.Link{}, all(scenario.Action{Loss: &scenario.Loss{Random: &tenth}}))
		b.passed(0, 1000, 1000-c.lost, 1000-c.lost)
		b.chose(0, 0, 1000, 1000)
		b.s.qdiscs[place{role: role{0, 0}}] = netem.Stats{Packets: uint64(1000 - c.lost), Drops: uint32(c.lost)}
		r, because := b.receipt(0, b.s)
		require.Equal(t, []int64{lo, hi}, r.DeliveredInterval)
		require.Equal(t, c.lost, r.Delivered)
		require.Zero(t, r.UnexplainedLoss)
		require.Zero(t, r.Overlimits, "they were asked for")
		require.Len(t, because, c.because)
	}
	// Lost otherwise than by netem, and for want of room.
	b := newBooks(t, scenario.Link{}, all(scenario.Action{Loss: &scenario.Loss{Random: &tenth}}))
	b.passed(0, 1000, 899, 899)
	b.chose(0, 0, 1000, 1000)
	b.s.qdiscs[place{role: role{0, 0}}] = netem.Stats{Packets: 900, Drops: 100, Overlimits: 3}
	r, because := b.receipt(0, b.s)
	require.Equal(t, int64(101), r.Delivered)
	require.Equal(t, int64(1), r.UnexplainedLoss)
	require.Equal(t, int64(3), r.Overlimits)
	require.Len(t, because, 3)

	// A model with a memory: its chain's interval, for the trains of both directions.
	bad := scenario.Share(1)
	ge := &scenario.Loss{GEModel: &scenario.GEModel{P: 0.02, R: 0.25, Bad: &bad}}
	_, model := lossModel(ge)
	lo, hi, ok := losses(ge, []int64{700, 800})
	require.True(t, ok)
	wantLo, wantHi := newChain(model).interval(700, 800)
	require.Equal(t, []int64{wantLo, wantHi}, []int64{lo, hi})
	_, _, ok = losses(nil, []int64{5})
	require.False(t, ok)
	lo, hi, _ = losses(&scenario.Loss{Random: &tenth}, []int64{400, 600})
	wantLo, wantHi = exact(1000, big.NewRat(1, 10))
	require.Equal(t, []int64{wantLo, wantHi}, []int64{lo, hi}, "as one train")
}

func TestPlainTooManyFlows(t *testing.T) {
	b := newBooks(t, scenario.Link{}, all(scenario.Action{Drop: true}))
	b.passed(0, 9, 0, 0)
	b.chose(0, 0, 9, 9)
	b.set(b.plan.paths[0].stages[0].choose.overflow, 1)
	_, because := b.receipt(0, b.s)
	require.Equal(t,
		[]string{fmt.Sprintf("fault f0: more than %d flows: 1 packets could not be assigned to flows", maxFlows)}, because)
}

// What the link loses outside of faults: nothing, unless its queue has a stated length, and then no more than its queue
// says.
func TestPlainLossOfALink(t *testing.T) {
	queue := scenario.Link{Rate: mbit, Queue: 5, Delay: 10 * ms}
	for _, c := range []struct {
		name    string
		link    scenario.Link
		counts  []int64 // at the boundaries
		queue   netem.Stats
		last    netem.Stats
		because int
		says    string
	}{
		{"nothing is lost", scenario.Link{}, []int64{10, 10}, netem.Stats{}, netem.Stats{}, 0, ""},
		{"one is", scenario.Link{}, []int64{10, 9}, netem.Stats{}, netem.Stats{}, 1, "1 packets lost"},
		{"one comes of nothing", scenario.Link{}, []int64{10, 11}, netem.Stats{}, netem.Stats{}, 1, "1 packets too many"},
		{"two are under way", scenario.Link{Delay: 10 * ms}, []int64{10, 10}, netem.Stats{}, netem.Stats{Waiting: 2}, 1, "2 packets"},
		{"a queue that nobody stated is full", scenario.Link{Delay: 10 * ms}, []int64{10, 8}, netem.Stats{}, netem.Stats{Drops: 2}, 2, "2 packets lost"},
		{"the queue drops as it was told", queue, []int64{10, 7, 7}, netem.Stats{Drops: 2, Overlimits: 1}, netem.Stats{}, 0, ""},
		{"it drops one more", queue, []int64{10, 6, 6}, netem.Stats{Drops: 2, Overlimits: 1}, netem.Stats{}, 1, "1 packets lost"},
		{"it says more than is missing", queue, []int64{10, 8, 8}, netem.Stats{Drops: 2, Overlimits: 1}, netem.Stats{}, 1, "1 packets too many"},
		{"one is lost behind it", queue, []int64{10, 10, 9}, netem.Stats{}, netem.Stats{}, 1, "1 packets lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for path := range 2 {
				b := newBooks(t, c.link)
				b.passed(path, c.counts...)
				if len(c.counts) > 2 {
					b.s.qdiscs[place{role: role{path, 0}}] = c.queue
				}
				b.s.qdiscs[place{role: role{path, -1}}] = c.last
				because := b.linkLoss(path, b.s)
				require.Len(t, because, c.because)
				way := map[int]string{0: "link a to b: ", 1: "link b to a: "}[path]
				for _, text := range because {
					require.True(t, strings.HasPrefix(text, way), text)
				}
				if c.says != "" {
					require.Contains(t, because[len(because)-1], c.says)
				}
				require.Empty(t, b.linkLoss(1-path, b.s), "nothing came the other way")
			}
		})
	}
}

// A queue for one packet is a stated one, too; and what a fault takes away the link has not lost.
func TestPlainLossOfALinkIsNotThatOfItsFaults(t *testing.T) {
	b := newBooks(t, scenario.Link{Rate: mbit, Queue: 1})
	b.passed(0, 10, 7, 7)
	b.s.qdiscs[place{role: role{0, 0}}] = netem.Stats{Drops: 3}
	require.Empty(t, b.linkLoss(0, b.s))
	b = newBooks(t, scenario.Link{}, all(scenario.Action{Drop: true}))
	b.passed(0, 10, 0, 0)
	require.Empty(t, b.linkLoss(0, b.s))
	b.passed(0, 10, 2, 1)
	require.Len(t, b.linkLoss(0, b.s), 1)
}

// What is under way when a link goes down is lost on its last stretch, and in no queue.
func TestPlainLossOfALinkThatIsDown(t *testing.T) {
	b := newBooks(t, scenario.Link{Rate: mbit, Queue: 5}, scenario.Fault{Do: scenario.Action{Down: true}})
	b.outages = []*outage{{fault: 0, link: 0}}
	b.passed(0, 10, 10, 8)
	require.Empty(t, b.linkLoss(0, b.s), "the outage's receipt has them")
	b.passed(0, 10, 9, 8)
	require.Len(t, b.linkLoss(0, b.s), 1, "one of them in the queue")
	b.passed(0, 10, 10, 11)
	require.Len(t, b.linkLoss(0, b.s), 1, "none comes of nothing")
}
