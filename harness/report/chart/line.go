package chart

import "math"

// Line returns the path of a series: a step for each sample, or, where there are too many, a
// stroke for each column from its least to its highest sample.
func (s Series) Line(f Frame, top float64) string {
	if len(s.Values) > mostColumns {
		return s.strokes(f, top)
	}
	var p path
	for i, v := range s.Values {
		if math.IsNaN(v) {
			p.pen = false
			continue
		}
		y := Y(v, top)
		p.line(f.X(float64(i)*s.Interval), y)
		p.line(f.X(float64(i+1)*s.Interval), y)
	}
	return string(p.b)
}

func (s Series) strokes(f Frame, top float64) string {
	var p path
	for c := range mostColumns {
		first, last := s.column(c)
		low, high := -1, -1 // indices of the least and the highest
		for i := first; i < last; i++ {
			if v := s.Values[i]; !math.IsNaN(v) {
				if low < 0 || v < s.Values[low] {
					low = i
				}
				if high < 0 || v > s.Values[high] {
					high = i
				}
			}
		}
		if low < 0 {
			p.pen = false
			continue
		}
		x := f.X((float64(first) + float64(last-first)/2) * s.Interval)
		a, b := low, high
		if high < low { // in the order of time, so that what rises is drawn rising
			a, b = high, low
		}
		p.line(x, Y(s.Values[a], top))
		p.line(x, Y(s.Values[b], top))
	}
	return string(p.b)
}

// column returns the samples that belong to a column.
func (s Series) column(c int) (first, last int) {
	n := len(s.Values)
	return c * n / mostColumns, (c + 1) * n / mostColumns
}

// Mean returns the series with no more than a bounded number of samples, each the mean of those in its
// place. Short ones stay as they are.
func (s Series) Mean() Series {
	if len(s.Values) <= mostColumns {
		return s
	}
	out := Series{Interval: s.Interval * float64(len(s.Values)) / mostColumns, Values: make([]float64, mostColumns)}
	for c := range mostColumns {
		first, last := s.column(c)
		sum, n := 0., 0
		for _, v := range s.Values[first:last] {
			if !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		out.Values[c] = math.NaN()
		if n > 0 {
			out.Values[c] = sum / float64(n)
		}
	}
	return out
}

// Stack returns the path of the area of each series, which stand on one another: the first at the
// bottom. They have equal lengths and intervals. Areas of long ones are those of their means.
func Stack(series []Series, f Frame, top float64) []string {
	var paths []string
	var below []float64
	for _, s := range series {
		s = s.Mean()
		if below == nil {
			below = make([]float64, len(s.Values))
		}
		above := make([]float64, len(s.Values))
		for i, v := range s.Values {
			above[i] = below[i]
			if v > 0 {
				above[i] += v
			}
		}
		var p path
		for i := range above {
			p.line(f.X(float64(i)*s.Interval), Y(above[i], top))
			p.line(f.X(float64(i+1)*s.Interval), Y(above[i], top))
		}
		for i := len(below) - 1; i >= 0; i-- {
			p.line(f.X(float64(i+1)*s.Interval), Y(below[i], top))
			p.line(f.X(float64(i)*s.Interval), Y(below[i], top))
		}
		if len(p.b) > 0 {
			p.b = append(p.b, 'Z')
		}
		paths = append(paths, string(p.b))
		below = above
	}
	return paths
}
