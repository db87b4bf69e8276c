package explain

import (
	"math"
	"slices"
)

// clear is by which part of its range's width a figure has to be beyond the range.
const clear = 0.5

// band is the calm range of a series at each sample; NaN where no calm run has a value.
type band struct{ low, high []float64 }

// bandOf is the range of several runs, at each sample that of the samples at most reach away.
func bandOf(runs [][]float64, reach int) band {
	n := 0
	for _, r := range runs {
		n = max(n, len(r))
	}
	low, negated := make([]float64, n), make([]float64, n)
	for i := range n {
		low[i], negated[i] = math.NaN(), math.NaN()
		for _, r := range runs {
			if i < len(r) && !math.IsNaN(r[i]) {
				low[i], negated[i] = least(low[i], r[i]), least(negated[i], -r[i])
			}
		}
	}
	low, high := slide(low, reach), slide(negated, reach)
	for i := range high {
		high[i] = -high[i]
	}
	return band{low, high}
}

// least is the smaller of two numbers, or the one that is a number.
func least(a, b float64) float64 {
	if math.IsNaN(a) || b < a {
		return b
	}
	return a
}

// slide replaces each value by the least of those at most reach away. It takes linear time: a run of an hour has
// 36,000 samples.
func slide(values []float64, reach int) []float64 {
	out := make([]float64, len(values))
	var queue []int // of rising values
	next := 0
	for i := range values {
		for ; next < len(values) && next <= i+reach; next++ {
			if math.IsNaN(values[next]) {
				continue
			}
			for len(queue) > 0 && values[queue[len(queue)-1]] >= values[next] {
				queue = queue[:len(queue)-1]
			}
			queue = append(queue, next)
		}
		for len(queue) > 0 && queue[0] < i-reach {
			queue = queue[1:]
		}
		out[i] = math.NaN()
		if len(queue) > 0 {
			out[i] = values[queue[0]]
		}
	}
	return out
}

// beyond is how far a value is out of a range, in units of what it takes to be out; 1 and less is not out. floor is
// what rounding moves the value by.
func beyond(v, low, high, floor float64) float64 {
	return max(v-high, low-v) / max(floor, clear*(high-low))
}

// excursion is where a series is out of a band.
type excursion struct {
	first, last, count int
	extreme            int // sample that is farthest out
	far                float64
	weight             float64 // how far in all
}

func (b band) excursion(values []float64, floor float64) (x excursion) {
	for i, v := range values {
		if i >= len(b.low) || math.IsNaN(b.low[i]) || math.IsNaN(v) {
			continue
		}
		d := beyond(v, b.low[i], b.high[i], floor)
		if d <= 1 {
			continue
		}
		if x.count == 0 {
			x.first = i
		}
		x.last = i
		x.count++
		x.weight += d
		if d > x.far {
			x.extreme, x.far = i, d
		}
	}
	return x
}

// tested is the excursion of a series, or none if a calm run that is held against the others is out as far.
func tested(values []float64, calm [][]float64, reach int, floor float64) (excursion, band) {
	b := bandOf(calm, reach)
	x := b.excursion(values, floor)
	if x.count == 0 || len(calm) < 3 {
		return x, b
	}
	for i := range calm {
		if y := bandOf(others(calm, i), reach).excursion(calm[i], floor); y.weight >= x.weight {
			return excursion{}, b
		}
	}
	return x, b
}

// others is all but one.
func others[T any](list []T, but int) []T { return slices.Delete(slices.Clone(list), but, but+1) }

// blocks are the sums or means of whole blocks of samples. One of them begins at the sample offset.
func blocks(values []float64, width, offset int, sum bool) []float64 {
	var out []float64
	for from := offset % width; from+width <= len(values); from += width {
		total, n := 0., 0
		for _, v := range values[from : from+width] {
			if !math.IsNaN(v) {
				total += v
				n++
			}
		}
		switch {
		case n == 0:
			total = math.NaN()
		case !sum:
			total /= float64(n)
		}
		out = append(out, total)
	}
	return out
}
