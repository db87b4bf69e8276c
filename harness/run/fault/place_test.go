package fault

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Packets of a burst wait for one another between two devices. Those that take a device's way must not fall behind
// those that need none: what a fault lets through stays in its place.
func TestPacketsOfABurstKeepTheirPlace(t *testing.T) {
	const n = 400
	const burst = "name: burst, from: a, do: {slot: {min: 20ms, max: 20ms}}" // lets go all at once
	for fault, want := range map[string]func([]int, flow) []int{
		"name: f, from: a, do: {loss: {random: 20%}}, select: {chance: 50%}": nil,
		"name: f, from: a, do: drop, select: {chance: 50%}": func(in []int, f flow) []int {
			out, _ := dropped(in, f, decide("f", .5))
			return out
		},
		"name: f, from: a, do: {duplicate: 2}, select: {chance: 50%}": func(in []int, f flow) []int {
			out, _ := copied(in, f, decide("f", .5), 2)
			return out
		},
		"name: f, from: a, do: watch, select: {chance: 50%}": func(in []int, _ flow) []int { return in },
	} {
		t.Run(fault, func(t *testing.T) {
			l := newLab(t, "", burst, fault)
			d := l.datagrams(t, false)
			d.send(t, n)
			r, because := l.receipts(t)
			require.Empty(t, because)
			require.Zero(t, r[1].UnexplainedLoss)
			got := d.received(t)
			if want != nil {
				require.Equal(t, want(upTo(n), d.flow), got)
				return
			}
			require.True(t, slices.IsSorted(got), "%v", got)
			require.Less(t, len(got), n)
		})
	}
}

// More faults than programs may call one another, and more that copy than may send from within sending.
func TestManyFaultsOnOneLink(t *testing.T) {
	const n, watching, copying = 40, 40, 7
	var faults []string
	for i := range watching {
		faults = append(faults, fmt.Sprintf("name: eye%d, from: a, do: watch", i))
	}
	for i := range copying {
		faults = append(faults, fmt.Sprintf("name: dup%d, from: a, do: {duplicate: 1}, select: {chance: 30%%}", i))
	}
	l := newLab(t, "", faults...)
	d := l.datagrams(t, false)
	d.send(t, n)
	r, because := l.receipts(t)
	require.Empty(t, because)
	want := upTo(n)
	for i := range copying {
		want, _ = copied(want, d.flow, decide(fmt.Sprint("dup", i), .3), 1)
	}
	require.Equal(t, want, d.received(t))
	require.EqualValues(t, n, r[watching-1].Out)
	require.EqualValues(t, len(want), r[watching+copying-1].Out)
}

func TestSeriesOfStagesAreBrokenUp(t *testing.T) {
	through := func(copying ...bool) (list []int) {
		p := path{stages: make([]stage, len(copying))}
		for i, c := range copying {
			if c {
				p.stages[i].choose.clones = 1
			}
		}
		p.breakUp()
		for i, s := range p.stages {
			if s.through {
				list = append(list, i)
			}
		}
		return list
	}
	require.Empty(t, through(make([]bool, unbroken-1)...))
	require.Equal(t, []int{unbroken - 1, 2*unbroken - 1}, through(make([]bool, 2*unbroken)...))
	require.Equal(t, []int{4}, through(true, false, true, false, true, false, true, true))
}
