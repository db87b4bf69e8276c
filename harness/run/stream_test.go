package run_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/run"
)

func TestStreamCarriesEventsAndRecord(t *testing.T) {
	var stream bytes.Buffer
	told := 0
	require.Zero(t, run.Serve(t.Context(), canonical(t, parse(t, small)), &stream, func() ([]byte, error) {
		told = bytes.Count(stream.Bytes(), []byte{'\n'})
		return []byte(`{"seed": 5}`), nil
	}))
	require.Equal(t, 2, told, "build and start are told before the freeze")
	events := 0
	rec, err := run.Receive(&stream, func(run.Event) { events++ })
	require.NoError(t, err)
	require.EqualValues(t, 5, rec.Seed)
	require.Equal(t, 8, events)
}

func TestStreamCarriesErrorsWithTheirKind(t *testing.T) {
	var stream bytes.Buffer
	s := parse(t, small, `nodes.web.sysctls={net.ipv4.tcp_no_such_thing: 1}`)
	require.Zero(t, run.Serve(t.Context(), canonical(t, s), &stream, func() ([]byte, error) {
		require.Fail(t, "nothing that could be frozen")
		return nil, nil
	}))
	_, err := run.Receive(&stream, nil)
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.NotEmpty(t, problem.HintOf(err))
}

func TestStreamThatBreaksOffIsNoRecord(t *testing.T) {
	for _, text := range []string{"", `{"event":{"kind":"build"}}`, `{"record":{"sch`} {
		_, err := run.Receive(strings.NewReader(text), nil)
		require.ErrorIs(t, err, run.ErrNoRecord, text)
	}
	_, err := run.Receive(strings.NewReader("oops"), nil)
	require.Error(t, err)
	require.False(t, errors.Is(err, run.ErrNoRecord))
}
