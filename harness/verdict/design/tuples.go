package design

import (
	"fmt"
	"math/bits"
	"slices"
	"sort"
)

// maxTuples bounds the memory: one bit for each combination of levels.
const maxTuples = 1 << 28

// tuples is the set of combinations of levels, of as many factors as the strength says,
// that are still to be covered.
type tuples struct {
	levels   []int
	strength int
	// choose[n][k] is the binomial coefficient.
	choose [][]int
	// first is the number of the first tuple of each combination of factors, by the rank
	// of the combination (the combinatorial number system); within it, the level of the
	// last factor changes fastest.
	first []int
	bits  []uint64
	left  int
	index []int // room for gains
}

func newTuples(s Space, strength int) (*tuples, error) {
	t := &tuples{strength: strength, index: make([]int, strength)}
	for _, f := range s.Factors {
		t.levels = append(t.levels, f.Levels)
	}
	t.choose = binomials(len(t.levels), strength)
	if t.choose == nil {
		return nil, fmt.Errorf("cover %d factors at strength %d: too many combinations", len(t.levels), strength)
	}
	t.first = make([]int, t.choose[len(t.levels)][strength])
	for rank := range t.first {
		size := 1
		for _, f := range t.unrank(rank) {
			size = min(size*t.levels[f], maxTuples+1)
		}
		t.first[rank] = t.left
		t.left = min(t.left+size, maxTuples+1)
	}
	if t.left > maxTuples {
		return nil, fmt.Errorf("cover %d factors at strength %d: more than %d combinations of levels", len(t.levels),
			strength, maxTuples)
	}
	t.bits = make([]uint64, (t.left+63)/64)
	for i := range t.left {
		t.bits[i/64] |= 1 << (i % 64)
	}
	return t, nil
}

// binomials returns Pascal's triangle, or nil if it has a number above maxTuples.
func binomials(n, k int) [][]int {
	c := make([][]int, n+1)
	for i := range c {
		c[i] = make([]int, k+1)
		c[i][0] = 1
		for j := 1; j <= min(i, k); j++ {
			if c[i][j] = c[i-1][j-1] + c[i-1][j]; c[i][j] > maxTuples {
				return nil
			}
		}
	}
	return c
}

// combinations calls f with every choice of factors, ascending, as many as the strength.
func (t *tuples) combinations(f func(factors []int)) {
	factors := make([]int, t.strength)
	for ok := first(factors, len(t.levels)); ok; ok = next(factors, len(t.levels)) {
		f(factors)
	}
}

// first and next go through the ascending choices of len(index) out of n.
func first(index []int, n int) bool {
	for i := range index {
		index[i] = i
	}
	return len(index) <= n
}

func next(index []int, n int) bool {
	i := len(index) - 1
	for i >= 0 && index[i] == n-len(index)+i {
		i--
	}
	if i < 0 {
		return false
	}
	for v := index[i] + 1; i < len(index); i, v = i+1, v+1 {
		index[i] = v
	}
	return true
}

// rank numbers combinations of ascending factors, unrank inverts it.
func (t *tuples) rank(factors []int) int {
	r := 0
	for i, f := range factors {
		r += t.choose[f][i+1]
	}
	return r
}

func (t *tuples) unrank(r int) []int {
	factors := make([]int, t.strength)
	for i := t.strength; i > 0; i-- {
		f := sort.Search(len(t.levels), func(f int) bool { return t.choose[f][i] > r }) - 1
		factors[i-1] = f
		r -= t.choose[f][i]
	}
	return factors
}

// number returns that of the tuple which the row has at the factors.
func (t *tuples) number(factors []int, row Row) int {
	n := 0
	for _, f := range factors {
		n = n*t.levels[f] + row[f]
	}
	return t.first[t.rank(factors)] + n
}

// part returns the tuple of a number, as a row in which all else is unset.
func (t *tuples) part(number int) Row {
	row := make(Row, len(t.levels))
	for i := range row {
		row[i] = Unset
	}
	rank := sort.SearchInts(t.first, number+1) - 1
	factors := t.unrank(rank)
	n := number - t.first[rank]
	for _, f := range slices.Backward(factors) {
		row[f] = n % t.levels[f]
		n /= t.levels[f]
	}
	return row
}

func (t *tuples) open(number int) bool { return t.bits[number/64]&(1<<(number%64)) != 0 }

func (t *tuples) close(number int) {
	if t.open(number) {
		t.bits[number/64] &^= 1 << (number % 64)
		t.left--
	}
}

// after returns the first open tuple from number on, or -1.
func (t *tuples) after(number int) int {
	for w := number / 64; w < len(t.bits); w++ {
		word := t.bits[w]
		if w == number/64 {
			word &= ^uint64(0) << (number % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// cover closes all tuples of a whole row.
func (t *tuples) cover(row Row) {
	t.combinations(func(factors []int) { t.close(t.number(factors, row)) })
}

// gains counts, for each level of factor f, the open tuples that it would close together
// with factors that are set, which ascend. The counts are left in gain.
func (t *tuples) gains(row Row, set []int, f int, gain []int) {
	clear(gain)
	index := t.index[:t.strength-1]
	for ok := first(index, len(set)); ok; ok = next(index, len(set)) {
		// The number of the tuple is base + level·stride.
		rank, base, stride, i, placed := 0, 0, 1, 0, false
		for _, at := range index {
			g := set[at]
			if !placed && f < g {
				rank, base, stride, placed = rank+t.choose[f][i+1], base*t.levels[f], 1, true
				i++
			}
			rank, base, stride = rank+t.choose[g][i+1], base*t.levels[g]+row[g], stride*t.levels[g]
			i++
		}
		if !placed {
			rank, base, stride = rank+t.choose[f][i+1], base*t.levels[f], 1
		}
		base += t.first[rank]
		for l := range gain {
			if t.open(base + l*stride) {
				gain[l]++
			}
		}
	}
}
