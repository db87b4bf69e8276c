package query

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// group of runs.
type group struct {
	keys   []string
	runs   int
	values [][]float64 // by column
}

// take makes one number of those of a group.
type take struct {
	word string
	of   func(sorted []float64) float64
}

// takeWords are what takes are called.
var takeWords = []string{"mean", "median", "min", "max", "sum", "p90", "p99"}

// takeOf finds a take: one of those with a word, or a percentile from p0 to p100.
func takeOf(word string) (take, bool) {
	total := func(v []float64) (sum float64) {
		for _, x := range v {
			sum += x
		}
		return sum
	}
	switch word {
	case "mean":
		return take{word, func(v []float64) float64 { return total(v) / float64(len(v)) }}, true
	case "sum":
		return take{word, total}, true
	case "median":
		return take{word, func(v []float64) float64 { return (v[(len(v)-1)/2] + v[len(v)/2]) / 2 }}, true
	case "min":
		return take{word, func(v []float64) float64 { return v[0] }}, true
	case "max":
		return take{word, func(v []float64) float64 { return v[len(v)-1] }}, true
	}
	text, ok := strings.CutPrefix(word, "p")
	p, number := unit.Decimal(text)
	if !ok || !number || p > 100 {
		return take{}, false
	}
	// The nearest rank, as everywhere: a value that there was.
	return take{word, func(v []float64) float64 { return v[max(rank(text, p, len(v))-1, 0)] }}, true
}

// rank is the nearest rank of a percentile among n values, ⌈p·n/100⌉: exactly, since 7/100·100 is more than 7 in
// floating point.
func rank(text string, p float64, n int) int {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return int(math.Ceil(p * float64(n) / 100))
	}
	exact.Mul(exact, big.NewRat(int64(n), 100))
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	return int(whole.Int64()) + rest.Sign()
}

// sum makes the rows of the groups. Their order is that of their fields: runs are made side by side, so the order
// in which groups first came would be chance.
func (a *asking) sum() {
	slices.SortFunc(a.order, func(g, h *group) int { return slices.Compare(g.keys, h.keys) })
	for _, g := range a.order {
		row := make([]Cell, 0, len(a.table.Columns))
		for _, k := range g.keys {
			row = append(row, Cell{Text: k})
		}
		row = append(row, Cell{Number: float64(g.runs)})
		for _, values := range g.values {
			slices.Sort(values)
			for _, t := range a.takes {
				v := math.NaN()
				if len(values) > 0 {
					v = t.of(values)
				}
				row = append(row, Cell{Number: v})
			}
		}
		a.table.Rows = append(a.table.Rows, row)
	}
}
