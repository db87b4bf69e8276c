package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/truth"
	"github.com/ruleout/ruleout/harness/scenario"
)

// TestShape holds the shape of all that passes between the two programs against a file that names the protocol's
// number. When it fails, raise [Number] and [Mark], and write the file with -update: an older guest program is then
// refused.
func TestShape(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "protocol %d\n", Number)
	seen := map[reflect.Type]bool{}
	for _, v := range []any{Order{}, Draw{}, message{}, truth.Reply{}, scenario.Scenario{}, Answer{}, Attachment{},
		KernelAnswer{}, NetemQuestion{}, NetemAnswer{}, Finding{}} {
		shapeOf(&b, reflect.TypeOf(v), seen)
	}
	golden.Equal(t, "testdata/shape.txt", b.String())
	require.Equal(t, MarkPrefix+strconv.Itoa(Number)+".", Mark)
}

// shapeOf writes the fields of a type as JSON names them, and those of the types in it.
func shapeOf(b *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map}, t.Kind()) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || t.PkgPath() == "" || !strings.Contains(t.PkgPath(), "ruleout") {
		return
	}
	seen[t] = true
	fmt.Fprintf(b, "\n%s\n", t)
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Fprintf(b, "  %s %s %q\n", f.Name, f.Type, f.Tag.Get("json"))
	}
	for i := range t.NumField() {
		shapeOf(b, t.Field(i).Type, seen)
	}
}

func TestAStream(t *testing.T) {
	var b bytes.Buffer
	s := NewSender(&b)
	s.Event(Event{At: -5, Kind: Warmup, Text: "load begins"})
	require.NoError(t, s.End(&result.Record{Seed: 7}, nil, nil))
	var events []Event
	record, taken, err := Receive(&b, func(e Event) { events = append(events, e) })
	require.NoError(t, err)
	require.Nil(t, taken)
	require.EqualValues(t, 7, record.Seed)
	require.Equal(t, []Event{{At: -5, Kind: Warmup, Text: "load begins"}}, events)
}

func TestAnErrorKeepsKindHintAndPlace(t *testing.T) {
	sent := &problem.Error{Kind: problem.Usage, Err: errors.New("no such node"), Hint: "did you mean web?",
		Place: "x.yaml:3:4"}
	var b bytes.Buffer
	require.NoError(t, NewSender(&b).End(&result.Record{}, nil, fmt.Errorf("build: %w", sent)))
	_, _, err := Receive(&b, nil)
	require.EqualError(t, err, "build: no such node")
	require.Equal(t, problem.Usage, problem.KindOf(err))
	require.Equal(t, "did you mean web?", problem.HintOf(err))
	require.Equal(t, "x.yaml:3:4", problem.PlaceOf(err))
	require.Nil(t, NewFailure(nil))
	require.NoError(t, (*Failure)(nil).Err())
}

func TestAStreamThatBreaksOff(t *testing.T) {
	var b bytes.Buffer
	s := NewSender(&b)
	s.Event(Event{Kind: Build})
	require.NoError(t, s.End(&result.Record{}, nil, nil))
	for n := range b.Len() - 1 {
		_, _, err := Receive(bytes.NewReader(b.Bytes()[:n]), nil)
		require.ErrorIs(t, err, ErrNoRecord, n)
	}
	_, _, err := Receive(strings.NewReader("nonsense"), nil)
	require.ErrorContains(t, err, "read the guest's stream")
	require.NotErrorIs(t, err, ErrNoRecord)
}

func TestRingNames(t *testing.T) {
	n, err := RingLink(RingName(12))
	require.NoError(t, err)
	require.Equal(t, 12, n)
	_, err = RingLink("rong 12")
	require.Error(t, err)
	raw, err := Order{Scenario: json.RawMessage(`{"name":"a<b"}`)}.Marshal()
	require.NoError(t, err)
	require.Equal(t, `{"scenario":{"name":"a<b"}}`+"\n", string(raw), "the scenario's text stays as it is")
}
