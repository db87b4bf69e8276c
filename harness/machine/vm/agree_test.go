package vm

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// TestAgree lets machines come out as the letters of a word say: equal letters are equal machines,
// and ! is one that cannot be made.
func TestAgree(t *testing.T) {
	failure := errors.New("no")
	for _, c := range []struct {
		name, world string
		made        int
		want        string // empty: it fails
		fails       error
	}{
		{"as it should be", "aa", 2, "a", nil},
		{"the first went astray", "baa", 3, "a", nil},
		{"the second went astray", "aba", 3, "a", nil},
		{"two did", "abca", 4, "a", nil},
		{"at the last moment", "abcdea", 6, "a", nil},
		{"nothing repeats", "abcdef", 6, "", nil},
		{"one of two fails", "a!", 2, "", failure},
		{"both fail", "!!", 2, "", failure},
		{"a later one fails", "ab!", 3, "", failure},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var made atomic.Int32
			var told atomic.Int32
			f, err := agree(t.Context(), func(context.Context) (*frozen, error) {
				n := made.Add(1)
				how := c.world[n-1 : n]
				if how == "!" {
					return nil, failure
				}
				f, err := newFrozen(dir)
				if err == nil {
					f.meta.Hash = how
				}
				return f, err
			}, func(string) { told.Add(1) })
			require.EqualValues(t, c.made, made.Load())
			require.EqualValues(t, c.made-2, told.Load(), "each further one is told")
			left, readErr := os.ReadDir(dir)
			require.NoError(t, readErr)
			if c.want == "" {
				require.Empty(t, left)
				if c.fails != nil {
					require.ErrorIs(t, err, c.fails)
					return
				}
				require.ErrorContains(t, err, "6 were made, and no two are equal")
				require.Equal(t, problem.Machine, problem.KindOf(err))
				require.Contains(t, problem.HintOf(err), "ruleout doctor")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, f.meta.Hash)
			require.Len(t, left, 1, "the others are gone")
			f.discard()
			left, readErr = os.ReadDir(dir)
			require.NoError(t, readErr)
			require.Empty(t, left)
		})
	}
}

func TestMachinesAreEqualIfNothingTellsThemApart(t *testing.T) {
	one := func() *frozen {
		return &frozen{meta: meta{Hash: "h", Instructions: 5, Build: 1, Prepared: &prepared{Output: []byte("o")}}}
	}
	for name, c := range map[string]struct {
		change func(*frozen)
		equal  bool
	}{
		"nothing":      {func(*frozen) {}, true},
		"time":         {func(f *frozen) { f.meta.Build = 2 }, true},
		"memory":       {func(f *frozen) { f.meta.Hash = "i" }, false},
		"instructions": {func(f *frozen) { f.meta.Instructions++ }, false},
		"output":       {func(f *frozen) { f.meta.Prepared.Output = []byte("p") }, false},
		"no output":    {func(f *frozen) { f.meta.Prepared = nil }, false},
	} {
		other := one()
		c.change(other)
		require.Equal(t, c.equal, one().equals(other), name)
	}
}

func TestPairGivesUpTheOther(t *testing.T) {
	failure := errors.New("no")
	var turn atomic.Int32
	_, err := agree(t.Context(), func(ctx context.Context) (*frozen, error) {
		if turn.Add(1) == 1 {
			return nil, failure
		}
		<-ctx.Done() // or this test never ends
		return nil, errors.New("given up: " + context.Cause(ctx).Error())
	}, func(string) {})
	require.ErrorIs(t, err, failure)
	require.False(t, strings.HasPrefix(err.Error(), "given up"))
}
