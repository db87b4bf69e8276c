package bisect_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/verdict/bisect"
)

// culprits are what a search found, each set in order.
func culprits(r *bisect.Result) (list []bisect.Set) {
	for _, c := range r.Sets {
		if c.Confirmed() {
			list = append(list, c.Items)
		}
	}
	return list
}

// random makes a world of 40 items with one culprit, two, or a pair that acts together.
func random(n uint64, tips float64) (*fake, []bisect.Set) {
	r := rand.New(rand.NewPCG(1, n))
	p := r.Perm(40)
	a, b := min(p[0], p[1]), max(p[0], p[1])
	want := [][]bisect.Set{{{a}}, {{a}, {b}}, {{a, b}}}[n%3]
	return &fake{items: 40, culprits: want, tips: tips, salt: n, lead: 5}, want
}

// In 1,000 worlds in which one answer of a seed in ten is wrong, the named sets are right in 99 % at least, and an
// innocent is named in 1 % at most. With a lead of 2 it would be otherwise: the test sees that.
func TestAnInnocentIsHardlyEverNamed(t *testing.T) {
	right, innocent := trials(t, 1000, 0.1, 5)
	assert.GreaterOrEqual(t, right, 990)
	assert.LessOrEqual(t, innocent, 10)
	right, _ = trials(t, 300, 0.1, 2)
	assert.Less(t, right, 290, "the worlds are too easy to judge a search by")
}

func trials(t *testing.T, worlds uint64, tips float64, lead int) (right, innocent int) {
	for n := range worlds {
		w, want := random(n, tips)
		w.lead = lead
		r, err := bisect.Search(t.Context(), bisect.All(w.items), w, bisect.Options{})
		require.NoError(t, err)
		got := culprits(r)
		if assert.ObjectsAreEqual(want, got) {
			right++
		}
		guilty := slices.Concat(want...)
		if slices.ContainsFunc(slices.Concat(got...), func(i int) bool { return !slices.Contains(guilty, i) }) {
			innocent++
		}
	}
	t.Logf("lead %d: %d of %d right, an innocent named in %d", lead, right, worlds, innocent)
	return right, innocent
}

// One culprit among 40 takes 16 configurations at most and two take 28, wherever they are.
func TestASearchIsShort(t *testing.T) {
	for i := range 40 {
		w := &fake{items: 40, culprits: []bisect.Set{{i}}, lead: 5}
		r, err := bisect.Search(t.Context(), bisect.All(40), w, bisect.Options{})
		require.NoError(t, err)
		assert.Equal(t, w.culprits, culprits(r))
		assert.LessOrEqual(t, r.Asked, 16, "culprit %d", i+1)
		for j := i + 1; j < 40; j++ {
			w := &fake{items: 40, culprits: []bisect.Set{{i}, {j}}, lead: 5}
			r, err := bisect.Search(t.Context(), bisect.All(40), w, bisect.Options{})
			require.NoError(t, err)
			assert.Equal(t, w.culprits, culprits(r))
			assert.LessOrEqual(t, r.Asked, 28, "culprits %d and %d", i+1, j+1)
		}
	}
}

// relapse is a world in which the effect of the block is not there on fresh seeds.
type relapse struct{ *fake }

func (w relapse) Ask(ctx context.Context, of bisect.Set, fresh bool) (bisect.Tally, error) {
	if fresh {
		return bisect.Tally{Not: w.lead, Lead: w.lead}, nil
	}
	return w.fake.Ask(ctx, of, fresh)
}

func TestWhatDoesNotHoldOnFreshSeedsIsNotConfirmed(t *testing.T) {
	w := relapse{&fake{items: 10, culprits: []bisect.Set{{3}}, lead: 5}}
	r, err := bisect.Search(t.Context(), bisect.All(10), w, bisect.Options{})
	require.NoError(t, err)
	require.Len(t, r.Sets, 1)
	assert.Equal(t, bisect.Set{3}, r.Sets[0].Items)
	assert.False(t, r.Sets[0].Confirmed())
}

func TestACalmSideThatShowsTheEffectEndsTheSearch(t *testing.T) {
	w := &fake{items: 10, culprits: []bisect.Set{{}}, hidden: map[int]int{}, lead: 5}
	w.tips = 1 // everything shows it
	w.culprits = nil
	r, err := bisect.Search(t.Context(), bisect.All(10), w, bisect.Options{})
	require.NoError(t, err)
	assert.Equal(t, bisect.Shows, r.None.Outcome())
	assert.Empty(t, r.Sets)
	assert.Equal(t, 1, r.Asked)
}

func TestAnErrorEndsASearch(t *testing.T) {
	full := errors.New("disk full")
	_, err := bisect.Search(t.Context(), bisect.All(10), broken{full}, bisect.Options{})
	require.ErrorIs(t, err, full)
}

type broken struct{ err error }

func (w broken) Ask(context.Context, bisect.Set, bool) (bisect.Tally, error) {
	return bisect.Tally{}, w.err
}

// A list of nine, of which some do not boot: the neighbours are found, or what is between them is said.
func TestTheFirstOfAList(t *testing.T) {
	for first := 1; first < 9; first++ {
		for _, void := range [][]int{nil, {4}, {first - 1}, {first - 1, first}, {3, 4, 5}} {
			name := fmt.Sprintf("first %d, void %v", first, void)
			usable := func(at int) bool { return at == 0 || at == 8 || !slices.Contains(void, at) }
			o, err := bisect.First(t.Context(), 9, func(_ context.Context, at int, _ bool) (bisect.Tally, error) {
				switch {
				case !usable(at):
					return bisect.Tally{Void: 5, Lead: 5}, nil
				case at >= first:
					return bisect.Tally{Shows: 5, Lead: 5}, nil
				}
				return bisect.Tally{Not: 5, Lead: 5}, nil
			}, nil)
			require.NoError(t, err)
			before, after := first-1, first
			for !usable(before) {
				before--
			}
			for !usable(after) {
				after++
			}
			assert.Equal(t, [2]int{before, after}, [2]int{o.Not, o.Shows}, name)
			assert.True(t, o.Found(), name)
			assert.LessOrEqual(t, o.Asked, 10, name)
		}
	}
}

func TestAListWithoutAnEffectIsNotSearched(t *testing.T) {
	o, err := bisect.First(t.Context(), 4, func(context.Context, int, bool) (bisect.Tally, error) {
		return bisect.Tally{Not: 5, Lead: 5}, nil
	}, nil)
	require.NoError(t, err)
	assert.False(t, o.Found())
	assert.Equal(t, 2, o.Asked)
}

// What is hidden where all items are is found as fast as anything else: it is not looked for item by item.
func TestAHiddenCauseIsFoundByBisection(t *testing.T) {
	for cause := range 39 {
		w := &fake{items: 40, culprits: []bisect.Set{{cause}}, hidden: map[int]int{cause: 39}, lead: 5}
		r, err := bisect.Search(t.Context(), bisect.All(40), w, bisect.Options{})
		require.NoError(t, err)
		assert.Equal(t, w.culprits, culprits(r), "culprit %d", cause+1)
		assert.Equal(t, bisect.Set{39}, r.Hides)
		assert.LessOrEqual(t, r.Asked, 40, "culprit %d", cause+1)
	}
}
