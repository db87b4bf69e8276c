package fault

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// aged is a selector of data whose connection is so old.
func aged(t *testing.T, after scenario.After) *bench {
	t.Helper()
	s, err := newSelector(testScenario(scenario.Fault{Select: scenario.Select{Packets: scenario.DataSegment,
		After: &after}}), 0, 0)
	require.NoError(t, err)
	s.bands = 1
	return newBenchOf(t, s)
}

// segmentAt is a segment with this sequence number.
func segmentAt(t *testing.T, flags string, seq uint32, payload int) []byte {
	h := tcp(flags)
	h.Seq = seq
	return frame(t, ether(layers.EthernetTypeIPv4), ipv4(layers.IPProtocolTCP), h,
		gopacket.Payload(make([]byte, payload)))
}

// The age counts from the first SYN, which may come before the fault is armed; one that is sent again does not make the
// connection younger, and one with another number does.
func TestAgeCountsFromTheFirstSYN(t *testing.T) {
	const age = 40 * time.Millisecond
	b := aged(t, scenario.After{Age: scenario.Duration(age)})
	matches := func() bool {
		matched, _ := b.run(t, segmentAt(t, "A", 101, 10))
		return matched
	}
	b.run(t, segmentAt(t, "S", 100, 0))
	begin := clock(t)
	b.arm(t, newOrders(0, 1))
	require.False(t, matches(), "too young")
	await(t, begin+int64(age/2))
	b.run(t, segmentAt(t, "S", 100, 0))
	require.False(t, matches(), "half as old")
	await(t, begin+int64(age)+1e6)
	require.True(t, matches())
	b.run(t, segmentAt(t, "S", 7000, 0))
	require.False(t, matches(), "another connection by the same ports")
}

// A connection whose beginning nobody saw is of unknown age, and one of the other direction is another flow.
func TestAConnectionWithoutABeginningNeverMatches(t *testing.T) {
	b := aged(t, scenario.After{Age: 1})
	b.arm(t, newOrders(0, 1))
	matched, _ := b.run(t, segmentAt(t, "A", 101, 10))
	require.False(t, matched)
	b.run(t, segmentAt(t, "SA", 100, 0))
	matched, _ = b.run(t, segmentAt(t, "A", 101, 10))
	require.True(t, matched)
}

// Bytes count from the first one of data, by the arithmetic of sequence numbers.
func TestBytesCountFromTheFirstOfData(t *testing.T) {
	for name, first := range map[string]uint32{"low": 100, "wraps": 1<<32 - 500} {
		t.Run(name, func(t *testing.T) {
			b := aged(t, scenario.After{Bytes: 1000})
			b.arm(t, newOrders(0, 1))
			b.run(t, segmentAt(t, "S", first, 0))
			for before, want := range map[uint32]bool{0: false, 999: false, 1000: true, 1001: true, 5000: true,
				1<<31 - 2: true, 1<<32 - 1: false} {
				matched, _ := b.run(t, segmentAt(t, "A", first+1+before, 10))
				require.Equal(t, want, matched, "behind %d bytes", before)
			}
		})
	}
}

// Beginnings for which there is no room are counted, so that the run is invalid.
func TestBirthsBeyondTheTableAreCounted(t *testing.T) {
	b := aged(t, scenario.After{Age: 1})
	b.arm(t, newOrders(0, 1))
	r := newRunner(b.Program)
	f := segmentAt(t, "S", 100, 0)
	for i := range maxFlows + 10 {
		f[27], f[28], f[29] = byte(i>>16), byte(i>>8), byte(i)
		r.band(t, f)
	}
	c, err := b.state.read()
	require.NoError(t, err)
	require.EqualValues(t, 10, c.at(b.overflow))
}

// A duplicate ACK of a connection that is old enough is decided on with the fault's own key, even if pure ACKs of its
// flow came before there was one. Those are no predecessors either.
func TestDuplicateACKsFromBeforeTheKeyDecideNothing(t *testing.T) {
	const packets = 200
	chance := scenario.Share(0.5)
	s, err := newSelector(testScenario(scenario.Fault{Select: scenario.Select{Packets: scenario.DupACK,
		After: &scenario.After{Bytes: 1}, Chance: &chance}}), 0, 0)
	require.NoError(t, err)
	s.bands = 1
	b := newBenchOf(t, s)
	ack := segmentAt(t, "A", 102, 0)
	b.run(t, segmentAt(t, "S", 100, 0))
	for range 3 {
		matched, chosen := b.run(t, ack)
		require.False(t, matched || chosen)
	}
	d := decision{77, s.draws}
	b.arm(t, newOrders(0, d.key))
	matched, _ := b.run(t, ack)
	require.False(t, matched, "the first one since the fault was armed")
	f := decode(ack).flow
	for i := range packets {
		matched, chosen := b.run(t, ack)
		require.True(t, matched)
		require.Equal(t, d.chosen(f, uint64(i)), chosen, "duplicate %d", i)
	}
}
