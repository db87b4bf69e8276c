package wire_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

func TestNamesThatBecomePartsOfSubjects(t *testing.T) {
	for _, good := range []string{"a", "rack-3_7", strings.Repeat("x", 64)} {
		require.NoError(t, wire.CheckName(good))
	}
	for _, bad := range []string{"", "a.b", "*", ">", "a b", "ä", "a\n", strings.Repeat("x", 65)} {
		require.Error(t, wire.CheckName(bad), bad)
	}
}

func TestOnlyStreamsOfOurOwnAreOfASession(t *testing.T) {
	s := wire.Session("0123456789abcdef")
	for _, ours := range []string{s.Stream(), "OBJ_" + s.Bucket()} {
		got, ok := wire.SessionOf(ours)
		require.True(t, ok)
		require.Equal(t, s, got)
	}
	for _, others := range []string{"", "orders", "RULEOUT_", "RULEOUT_backup", "RULEOUT_0123456789ABCDEF", "OBJ_backup",
		"OBJ_RULEOUT-my-0123456789abcdef", "RULEOUT_0123456789abcdef0", "XRULEOUT_0123456789abcdef"} {
		_, ok := wire.SessionOf(others)
		require.False(t, ok, others)
	}
}

func TestAnErrorKeepsKindHintAndPlaceOnItsWay(t *testing.T) {
	require.Nil(t, wire.TroubleOf(nil))
	require.NoError(t, (*wire.Trouble)(nil).Err())
	inner := &problem.Error{Kind: problem.Machine, Err: errors.New("no room"), Hint: "make some", Place: "nodes.a"}
	b, err := wire.Pack(wire.TroubleOf(fmt.Errorf("write: %w", inner)))
	require.NoError(t, err)
	var got wire.Trouble
	require.NoError(t, wire.Unpack(b, &got))
	back := got.Err()
	require.Equal(t, "write: no room", back.Error())
	require.Equal(t, problem.Machine, problem.KindOf(back))
	require.Equal(t, "make some", problem.HintOf(back))
	require.Equal(t, "nodes.a", problem.PlaceOf(back))
	for _, kind := range []problem.Kind{-1, 0, 5, 1 << 40} {
		require.Equal(t, problem.Other, problem.KindOf((&wire.Trouble{Kind: kind}).Err()))
	}
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	_, err := wire.Pack(strings.Repeat("x", wire.MostMessage))
	require.ErrorContains(t, err, "at most")
	var text string
	require.ErrorContains(t, wire.Unpack([]byte(`"`+strings.Repeat("x", wire.MostMessage)+`"`), &text), "at most")
	require.ErrorContains(t, wire.Unpack([]byte(`{`), &text), "not a message of ruleout")
	b, err := wire.Pack(wire.Outcome{Trouble: wire.TroubleOf(errors.New(strings.Repeat("x", wire.MostMessage)))})
	require.NoError(t, err, "a long error is cut")
	require.Less(t, len(b), wire.MostMessage/8)
}

// The clocks of two machines may differ by an hour. So no message has a point in time, only how long something takes.
func TestNoMessageSaysWhatTimeItIs(t *testing.T) {
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		require.NotEqual(t, reflect.TypeFor[time.Time](), of)
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				look(of.Field(i).Type)
			}
		case reflect.Pointer, reflect.Slice, reflect.Map:
			look(of.Elem())
		}
	}
	for _, message := range []any{wire.Hello{}, wire.Welcome{}, wire.Lease{}, wire.Begin{}, wire.Left{}, wire.Outcome{},
		wire.Answer{}, wire.Want{}, wire.Parcel{}, wire.Beat{}, wire.Trouble{}} {
		look(reflect.TypeOf(message))
	}
}
