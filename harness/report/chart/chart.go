package chart

import (
	"math"
	"strconv"
)

// The box of all coordinates.
const (
	Width  = 10000
	Height = 1000
)

// mostColumns is how many samples are drawn one by one. Beyond, so many columns are made of them.
const mostColumns = 800

// Frame is the time that the width stands for, in seconds.
type Frame struct{ From, To float64 }

// X returns where a moment is.
func (f Frame) X(at float64) int {
	return int(math.Round(min(max((at-f.From)/(f.To-f.From), 0), 1) * Width))
}

// Percent returns where a moment is, in per cent of the width.
func (f Frame) Percent(at float64) float64 {
	return math.Round((at-f.From)/(f.To-f.From)*1e4) / 100
}

// Series is a row of samples. The one with index i is of the interval that begins at i times Interval. NaN is a gap.
type Series struct {
	Interval float64 // s
	Values   []float64
}

// Y returns where a value is on a scale that goes from zero to top.
func Y(v, top float64) int {
	if top <= 0 {
		return Height
	}
	return int(math.Round((1 - min(max(v/top, 0), 1)) * Height))
}

// Top returns a round number that is not below the highest value, 1, 2, 2.5 or 5 times a power of ten; 1 for none.
func Top(highest float64) float64 {
	if !(highest > 0) || math.IsInf(highest, 0) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if highest <= m*unit*(1+1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// Highest value of all series, zero at the least.
func Highest(series ...[]float64) float64 {
	highest := 0.
	for _, values := range series {
		for _, v := range values {
			if v > highest {
				highest = v
			}
		}
	}
	return highest
}

// path is the data of an SVG path: absolute commands, whole numbers, nothing to spare.
type path struct {
	b    []byte
	x, y int
	pen  bool
	flat int // where in b the last command begins, if it is an H; else 0
	from int // and where that one began
}

func (p *path) move(x, y int) {
	p.b = append(p.b, 'M')
	p.pair(x, y)
	p.x, p.y, p.pen, p.flat = x, y, true, 0
}

func (p *path) line(x, y int) {
	switch {
	case !p.pen:
		p.move(x, y)
		return
	case x == p.x && y == p.y:
		return
	case y == p.y:
		if p.flat > 0 && (x > p.x) == (p.x > p.from) {
			p.b = p.b[:p.flat] // the same way on
		} else {
			p.flat, p.from = len(p.b), p.x
		}
		p.b = strconv.AppendInt(append(p.b, 'H'), int64(x), 10)
		p.x = x
		return
	case x == p.x:
		p.b = strconv.AppendInt(append(p.b, 'V'), int64(y), 10)
	default:
		p.b = append(p.b, 'L')
		p.pair(x, y)
	}
	p.x, p.y, p.flat = x, y, 0
}

func (p *path) pair(x, y int) {
	p.b = strconv.AppendInt(p.b, int64(x), 10)
	p.b = append(p.b, ' ')
	p.b = strconv.AppendInt(p.b, int64(y), 10)
}
