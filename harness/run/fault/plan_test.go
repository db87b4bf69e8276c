package fault

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

const (
	ms   = scenario.Duration(time.Millisecond)
	mbit = scenario.Rate(1e6)
)

func TestALinksDelayRateAndQueueBecomeQdiscs(t *testing.T) {
	rate := &netem.Rate{BytesPerSecond: 125000}
	for name, c := range map[string]struct {
		link  scenario.Link
		queue *netem.Qdisc // of a stage of its own
		last  *netem.Qdisc
	}{
		"nothing":             {scenario.Link{}, nil, nil},
		"a queue of nothing":  {scenario.Link{Queue: 5}, nil, nil},
		"delay":               {scenario.Link{Delay: 20 * ms}, nil, &netem.Qdisc{Latency: 20e6, Limit: 30_000}},
		"delay, stated queue": {scenario.Link{Delay: 20 * ms, Queue: 7}, nil, &netem.Qdisc{Latency: 20e6, Limit: 7}},
		"rate":                {scenario.Link{Rate: mbit}, nil, &netem.Qdisc{Rate: rate, Limit: 10_000}},
		"rate and delay":      {scenario.Link{Rate: mbit, Delay: 20 * ms}, nil, &netem.Qdisc{Latency: 20e6, Rate: rate, Limit: 10_042}},
		"rate, stated queue":  {scenario.Link{Rate: mbit, Queue: 7}, &netem.Qdisc{Rate: rate, Limit: 7}, nil},
		"all three": {scenario.Link{Rate: mbit, Delay: 20 * ms, Queue: 7}, &netem.Qdisc{Rate: rate, Limit: 7},
			&netem.Qdisc{Latency: 20e6, Limit: 10_042}},
		"less than a byte a second": {scenario.Link{Rate: 3}, nil, &netem.Qdisc{Rate: &netem.Rate{BytesPerSecond: 1}, Limit: 10_000}},
	} {
		t.Run(name, func(t *testing.T) {
			c.link.Between = [2]string{"a", "b"}
			p, err := newPlan(&scenario.Scenario{Links: []scenario.Link{c.link}})
			require.NoError(t, err)
			require.Len(t, p.paths, 2)
			for _, d := range p.paths {
				require.Equal(t, c.last, d.last)
				if c.queue == nil {
					require.Empty(t, d.stages)
				} else {
					require.Len(t, d.stages, 1)
					require.Equal(t, -1, d.stages[0].fault)
					require.Equal(t, []netem.Qdisc{*c.queue}, d.stages[0].netems)
				}
			}
		})
	}
}

func TestFaultsFindTheirPathAndNoCounterIsSharedByTwo(t *testing.T) {
	on := func(name string, a, b, from string) scenario.Fault {
		return scenario.Fault{Name: name, Link: [2]string{a, b}, From: from, Do: scenario.Action{Drop: true}}
	}
	p, err := newPlan(&scenario.Scenario{
		Links: []scenario.Link{{Between: [2]string{"a", "b"}}, {Between: [2]string{"b", "c"}, Rate: mbit, Queue: 3}},
		Faults: []scenario.Fault{on("0", "c", "b", "c"), on("1", "a", "b", "a"), on("2", "b", "c", "c"),
			on("3", "b", "a", "b"), on("4", "c", "b", "")},
	})
	require.NoError(t, err)
	require.Equal(t, [][]role{{{3, 0}}, {{0, 0}}, {{3, 1}}, {{1, 0}}, {{2, 0}, {3, 2}}}, p.places)
	require.Equal(t, "c to b", p.paths[3].String())
	require.Len(t, p.paths[3].stages, 4, "three faults and the link's queue")
	require.Equal(t, p.paths[2].stages[0].choose.orders, p.paths[3].stages[2].choose.orders,
		"one fault has one key, in both directions")
	seen := map[slot]bool{}
	take := func(s slot) {
		require.False(t, seen[s], "counter %d", s)
		require.Less(t, int(s), 8*p.counters)
		seen[s] = true
	}
	for _, d := range p.paths {
		for i := range d.boundaries() {
			take(d.boundary(i))
		}
		for _, s := range d.stages {
			if s.fault >= 0 {
				c := s.choose
				for _, one := range []slot{c.matched, c.chosen, c.overflow, c.hits} {
					take(one)
				}
				for i := range slot(kinds) {
					take(c.kinds + 8*i)
				}
				for i := range slot(mostTimes) {
					take(c.times + 8*i)
				}
				take(c.begun)
			}
		}
	}
	take(p.attached)
	require.Len(t, seen, p.counters)
}

func TestFaultsThatHaveNoPlaceAreTheUsersMistake(t *testing.T) {
	link := []scenario.Link{{Between: [2]string{"a", "b"}}}
	for want, f := range map[string]scenario.Fault{
		"fault f: no link between a and c with a at one end":                       {Link: [2]string{"a", "c"}, From: "a", Do: scenario.Action{Drop: true}},
		"fault f: no link between a and b with c at one end":                       {Link: [2]string{"a", "b"}, From: "c", Do: scenario.Action{Drop: true}},
		"fault f: no link between a and c":                                         {Link: [2]string{"a", "c"}, Do: scenario.Action{Drop: true}},
		`fault f: no action, or more than one, or one that cannot be done yet: ""`: {Link: [2]string{"a", "b"}, From: "a"},
	} {
		t.Run(want, func(t *testing.T) {
			f.Name = "f"
			_, err := newPlan(&scenario.Scenario{Links: link, Faults: []scenario.Fault{f}})
			require.EqualError(t, err, want)
			require.Equal(t, problem.Usage, problem.KindOf(err))
		})
	}
}

func TestWhatTheKernelLacksIsNamed(t *testing.T) {
	for err, want := range map[error]string{
		unix.ENOENT:     "this kernel does not have netem: load the module sch_netem",
		unix.EOPNOTSUPP: "this kernel does not have netem: load the module sch_netem",
		unix.EPERM:      "this needs root",
	} {
		got := missing(fmt.Errorf("add netem: %w", err), "netem", "sch_netem")
		require.Equal(t, problem.Machine, problem.KindOf(got))
		require.Contains(t, problem.HintOf(got), want)
	}
	require.Equal(t, problem.Other, problem.KindOf(missing(unix.ENOMEM, "netem", "sch_netem")))
}

// An Install that does not come to its end leaves the network as it found it.
func TestAnInstallThatIsCutShortLeavesNothing(t *testing.T) {
	l := buildLab(t, ", delay: 5ms", "name: one, from: a, do: {drop: true}")
	require.NoError(t, l.Close())
	s := &scenario.Scenario{Links: []scenario.Link{l.links[0].Spec}, Faults: l.faults}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(enough)
	_, err := Install(ctx, l.network, s)
	require.ErrorIs(t, err, enough)

	ctx = context.Background()
	var undo undo.Stack
	taken := &wire{name: "taken", handle: l.links[0].Wire.Netlink(), undo: &undo}
	_, err = taken.addPair("b0", stageMTU) // the name of a stage that comes late
	require.NoError(t, err)
	s.Faults = append(s.Faults, scenario.Fault{Name: "two", Link: s.Faults[0].Link, From: "b",
		Do: scenario.Action{Drop: true}})
	_, err = Install(ctx, l.network, s)
	require.ErrorContains(t, err, "build wire from b to a: add veth a~b/b0i: file exists")
	require.NoError(t, undo.Close())

	w, err := Install(ctx, l.network, s)
	require.NoError(t, err, "as if nothing had been")
	require.NoError(t, w.Close())
}
