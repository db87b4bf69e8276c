package undo_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/undo"
)

func TestCloseGoesBackwardsAndOnce(t *testing.T) {
	var s undo.Stack
	var order []int
	for i := range 3 {
		s.Push(func() error { order = append(order, i); return nil })
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.Equal(t, []int{2, 1, 0}, order)
}

func TestCloseJoinsErrorsAndGoesOn(t *testing.T) {
	var s undo.Stack
	a, b, ran := errors.New("a"), errors.New("b"), false
	s.Push(func() error { ran = true; return nil })
	s.Push(func() error { return a })
	s.Push(func() error { return b })
	err := s.Close()
	require.ErrorIs(t, err, a)
	require.ErrorIs(t, err, b)
	require.True(t, ran)
}

func TestCloseGoesOnPastAPanic(t *testing.T) {
	var s undo.Stack
	ran := false
	s.Push(func() error { ran = true; return nil })
	s.Push(func() error { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { _ = s.Close() })
	require.True(t, ran)
}
