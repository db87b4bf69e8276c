package design

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

const (
	// hopeless bounds the search for a row that completes a combination, in levels tried.
	// Constraints as people write them take a few dozen.
	hopeless = 1_000_000
	// effort bounds the work on one row, in tuples looked at; it is shared by candidates.
	effort = 1_000_000
)

// generator makes rows one at a time, each the best of several candidates that are filled
// greedily, in random order (AETG: Cohen, Dalal, Fredman and Patton, IEEE Transactions on
// Software Engineering 23(7), 1997).
type generator struct {
	space      Space
	watch      watch
	tuples     *tuples
	rand       *rand.Rand
	candidates int
	// blame counts, for each factor, how often no level of it was allowed. Blamed factors
	// are filled first, where dead ends cost least.
	blame []int
	tried int // levels, in the search that is on
	// Room for fill, which is on each factor once at a time.
	gains, levels [][]int
	set           []int
}

func (s Space) generator(strength int, seed uint64) (*generator, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if strength < 1 || strength > len(s.Factors) {
		return nil, fmt.Errorf("strength %d: want 1 to %d, the number of factors", strength, len(s.Factors))
	}
	t, err := newTuples(s, strength)
	if err != nil {
		return nil, err
	}
	work := len(t.first) * slices.Max(t.levels)
	g := &generator{
		space:      s,
		watch:      s.watch(),
		tuples:     t,
		rand:       rand.New(rand.NewPCG(seed, uint64(strength))),
		candidates: min(max(effort/work, 8), 64),
		blame:      make([]int, len(s.Factors)),
	}
	for _, f := range s.Factors {
		g.gains = append(g.gains, make([]int, f.Levels))
		levels := make([]int, f.Levels)
		for l := range levels {
			levels[l] = l
		}
		g.levels = append(g.levels, levels)
	}
	return g, nil
}

// closeForbidden closes the tuples that are forbidden by themselves.
func (g *generator) closeForbidden() {
	if len(g.space.Constraints) == 0 {
		return
	}
	for n := g.tuples.after(0); n >= 0; n = g.tuples.after(n + 1) {
		if !g.allows(g.tuples.part(n)) {
			g.tuples.close(n)
		}
	}
}

// allows says whether nothing forbids what is set in the row.
func (g *generator) allows(row Row) bool {
	for f, l := range row {
		if l != Unset && !g.watch.allows(row, f) {
			return false
		}
	}
	return true
}

// best returns the candidate that covers most, or nil if none covers anything new.
func (g *generator) best() Row {
	var best Row
	most := 0
	for range g.candidates {
		// Begin with a tuple that is still open: no candidate is in vain.
		n := g.tuples.after(g.rand.IntN(64 * len(g.tuples.bits)))
		if n < 0 {
			n = g.tuples.after(0)
		}
		row := g.tuples.part(n)
		if !g.allows(row) {
			continue
		}
		g.tried = 0
		gain, ok := g.fill(row, g.order(row, false), 20*len(row))
		if ok && gain+1 > most {
			best, most = row, gain+1
		}
	}
	return best
}

// complete returns a row that has what is set in part, or [ErrEmpty] if none does.
func (g *generator) complete(part Row) (Row, error) {
	if !g.allows(part) {
		return nil, ErrEmpty
	}
	g.tried = 0
	for limit := 20 * len(part); limit < hopeless; limit *= 2 {
		row := slices.Clone(part)
		g.tried = 0
		switch _, ok := g.fill(row, g.order(row, true), limit); {
		case ok:
			return row, nil
		case g.tried < limit:
			return nil, ErrEmpty // the search came to its end
		}
	}
	return nil, fmt.Errorf("%s: gave up looking for an allowed combination with these after %d tries",
		g.space.describe(part), hopeless)
}

// order returns the factors that are not set, shuffled; with blamed ones first if asked.
func (g *generator) order(row Row, blamed bool) []int {
	var order []int
	for f, l := range row {
		if l == Unset {
			order = append(order, f)
		}
	}
	g.rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if blamed {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.blame[b], g.blame[a]) })
	}
	return order
}

// fill gives the factors in order the levels that cover most, goes back where none is
// allowed, and gives up once limit levels were tried. It returns how many tuples the new
// levels cover, and leaves the row as it was when there is no way.
func (g *generator) fill(row Row, order []int, limit int) (int, bool) {
	if len(order) == 0 {
		return 0, true
	}
	f := order[0]
	gain, levels := g.gains[f], g.levels[f]
	g.tuples.gains(row, g.settled(row), f, gain)
	g.rand.Shuffle(len(levels), func(i, j int) { levels[i], levels[j] = levels[j], levels[i] })
	slices.SortStableFunc(levels, func(a, b int) int { return cmp.Compare(gain[b], gain[a]) })
	dead := true
	for _, l := range levels {
		if g.tried++; g.tried >= limit {
			break
		}
		row[f] = l
		if !g.watch.allows(row, f) {
			continue
		}
		dead = false
		if more, ok := g.fill(row, order[1:], limit); ok {
			return gain[l] + more, true
		}
	}
	if dead {
		g.blame[f]++
	}
	row[f] = Unset
	return 0, false
}

// settled returns the factors that have a level. The next call overwrites them.
func (g *generator) settled(row Row) []int {
	g.set = g.set[:0]
	for f, l := range row {
		if l != Unset {
			g.set = append(g.set, f)
		}
	}
	return g.set
}

// describe writes the levels that are set: "mtu=1, sack=0".
func (s Space) describe(part Row) string {
	text := ""
	for f, l := range part {
		if l == Unset {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s=%d", s.Factors[f].Name, l)
	}
	if text == "" {
		return "any row"
	}
	return text
}
