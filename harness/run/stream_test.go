package run_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/protocol"
)

// host is the other end of the stream.
type host struct {
	bytes.Buffer
	freeze   func() ([]byte, error)
	attached map[string]int64 // sizes
}

func (h *host) Freeze() ([]byte, error) { return h.freeze() }

func (h *host) Attach(name string, _ int, _, size int64) error {
	if h.attached == nil {
		h.attached = map[string]int64{}
	}
	h.attached[name] = size
	return nil
}

func order(t *testing.T, o protocol.Order) []byte {
	t.Helper()
	b, err := o.Marshal()
	require.NoError(t, err)
	return b
}

// One test for all that a whole run carries: what Serve has made stays, and a second run would trip over it.
func TestStreamCarriesEventsAndRecordAndWhatWasCaptured(t *testing.T) {
	var stream host
	told := 0
	stream.freeze = func() ([]byte, error) {
		told = bytes.Count(stream.Bytes(), []byte{'\n'})
		return []byte(`{"seed": 5}`), nil
	}
	require.Zero(t, run.Serve(t.Context(), order(t, protocol.Order{Scenario: canonical(t, parse(t, small)), Snap: 64}),
		&stream))
	require.Equal(t, 2, told, "build and start are told before the freeze")
	events := 0
	rec, taken, err := protocol.Receive(&stream, func(protocol.Event) { events++ })
	require.NoError(t, err)
	require.EqualValues(t, 5, rec.Seed)
	require.Equal(t, 8, events)

	require.Len(t, taken.Wires, 2)
	for i, w := range taken.Wires {
		require.Positive(t, w.Size)
		require.Equal(t, w.Size, stream.attached[protocol.RingName(i)])
		link, err := protocol.RingLink(protocol.RingName(i))
		require.NoError(t, err)
		require.Equal(t, i, link)
	}
	copies := taken.Wires[0]
	require.Equal(t, rec.Faults[0].In, copies.Seen[0], "sent by the client")
	require.Equal(t, rec.Faults[0].Out, copies.Seen[1], "received by web")
	require.Equal(t, rec.Faults[0].Chosen, copies.Seen[2])
}

func TestStreamCarriesErrorsWithTheirKind(t *testing.T) {
	stream := host{freeze: func() ([]byte, error) {
		require.Fail(t, "nothing that could be frozen")
		return nil, nil
	}}
	s := parse(t, small, `nodes.web.sysctls={net.ipv4.tcp_no_such_thing: 1}`)
	require.Zero(t, run.Serve(t.Context(), order(t, protocol.Order{Scenario: canonical(t, s)}), &stream))
	_, _, err := protocol.Receive(&stream, nil)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
}
