package bisect_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/verdict/bisect"
)

// fake is a world without kernels, from a text: what it does is known, so that what is found can be judged. Its lines:
//
//	items N         there are so many, from 1
//	culprit A B …   these together make the effect; several lines are alternatives
//	hidden A by B   what A makes is not seen where B is
//	void A B …      configurations with all of these have no valid run
//	undecided A     in configurations with it, each second seed shows the effect
//	tips SHARE      so many answers of seeds are wrong
//	prevent         the search asks what prevents the effect
type fake struct {
	items    int
	culprits []bisect.Set
	hidden   map[int]int
	void     []bisect.Set
	halves   []bisect.Set // undecided
	tips     float64
	prevent  bool
	salt     uint64
	lead     int
	runs     int
}

func (w *fake) Ask(_ context.Context, of bisect.Set, fresh bool) (bisect.Tally, error) {
	t := bisect.Tally{Lead: w.lead}
	seed := 0
	if fresh {
		seed = 1000
	}
	for n := 0; n < 8*w.lead && t.Missing() > 0 && !t.Hopeless(); n++ {
		seed++
		w.runs++
		switch shows := w.shows(of); {
		case hasAny(of, w.void):
			t.Void++
		case hasAny(of, w.halves) && seed%2 == 0:
			t.Not++
		case shows != w.tipped(of, seed):
			t.Shows++
		default:
			t.Not++
		}
	}
	return t, nil
}

func has(of, part bisect.Set) bool {
	return !slices.ContainsFunc(part, func(i int) bool { return !slices.Contains(of, i) })
}

func hasAny(of bisect.Set, list []bisect.Set) bool {
	return slices.ContainsFunc(list, func(v bisect.Set) bool { return has(of, v) })
}

func (w *fake) shows(of bisect.Set) bool {
	return hasAny(of, w.halves) || slices.ContainsFunc(w.culprits, func(c bisect.Set) bool {
		by, hidden := w.hidden[c[0]]
		return has(of, c) && !(hidden && slices.Contains(of, by))
	})
}

func (w *fake) tipped(of bisect.Set, seed int) bool {
	h := fnv.New64a()
	fmt.Fprint(h, w.salt, of, seed)
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11)/(1<<53) < w.tips
}

func parse(t *testing.T, text string) *fake {
	w := &fake{hidden: map[int]int{}, lead: 5}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		var set bisect.Set
		for _, word := range words[1:] {
			if n, err := strconv.Atoi(word); err == nil {
				set = append(set, n-1)
			}
		}
		switch words[0] {
		case "items":
			w.items = set[0] + 1
		case "culprit":
			w.culprits = append(w.culprits, set)
		case "hidden":
			w.hidden[set[0]] = set[1]
		case "void":
			w.void = append(w.void, set)
		case "undecided":
			w.halves = append(w.halves, set)
		case "tips":
			share, err := strconv.ParseFloat(words[1], 64)
			require.NoError(t, err)
			w.tips = share
		case "prevent":
			w.prevent = true
		default:
			t.Fatalf("no such line: %q", line)
		}
	}
	return w
}

func TestFakeWorlds(t *testing.T) {
	files, err := filepath.Glob("testdata/*.world")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".world"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			w := parse(t, string(text))
			var out strings.Builder
			tell := func(a bisect.Answer) {
				seeds := ""
				if a.Fresh {
					seeds = ", fresh seeds"
				}
				fmt.Fprintf(&out, "%-14v  %v: %v%s\n", a.Tally.Outcome(), a.Set, a.Tally, seeds)
			}
			r, err := bisect.Search(t.Context(), bisect.All(w.items), w, bisect.Options{Prevent: w.prevent, Tell: tell})
			require.NoError(t, err)
			fmt.Fprintf(&out, "\n%d configurations, %d runs\n", r.Asked, w.runs)
			for _, c := range r.Sets {
				fmt.Fprintf(&out, "set %v, confirmed %v, vague %v, without %v\n", c.Items, c.Confirmed(), c.Vague,
					c.Without)
			}
			fmt.Fprintf(&out, "rest %v, left %v, hidden %v by %v, untested %v, undecided %v\n", r.Rest.Outcome(), r.Left,
				r.Hidden, r.Hides, r.Untested, r.Undecided)
			golden.Equal(t, strings.TrimSuffix(file, ".world")+".txt", out.String())
		})
	}
}
