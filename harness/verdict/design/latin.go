package design

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Among so many candidates [LatinHypercube] takes the one whose points keep furthest apart;
// with more points than that, the first.
const (
	latinCandidates = 20
	latinCrowd      = 1000
)

// LatinHypercube returns points in the unit cube of which the projection on every axis has
// exactly one point in each of as many equal slices as there are points (McKay, Beckman and
// Conover, Technometrics 21(2), 1979). [Range.At] stretches a coordinate to a factor.
func LatinHypercube(points, axes int, seed uint64) ([][]float64, error) {
	if points < 1 || axes < 1 {
		return nil, fmt.Errorf("latin hypercube of %d points on %d axes: want at least one of each", points, axes)
	}
	r := rand.New(rand.NewPCG(seed, uint64(axes)))
	best := latin(r, points, axes)
	if points > latinCrowd {
		return best, nil
	}
	apart := closest(best)
	for range latinCandidates - 1 {
		if c := latin(r, points, axes); closest(c) > apart {
			best, apart = c, closest(c)
		}
	}
	return best, nil
}

func latin(r *rand.Rand, points, axes int) [][]float64 {
	cube := make([][]float64, points)
	for i := range cube {
		cube[i] = make([]float64, axes)
	}
	for axis := range axes {
		for i, slice := range r.Perm(points) {
			cube[i][axis] = (float64(slice) + r.Float64()) / float64(points)
		}
	}
	return cube
}

// closest returns the square of the least distance between two points.
func closest(cube [][]float64) float64 {
	least := math.Inf(1)
	for i, p := range cube {
		for _, q := range cube[:i] {
			var d float64
			for axis := range p {
				d += (p[axis] - q[axis]) * (p[axis] - q[axis])
			}
			least = min(least, d)
		}
	}
	return least
}

// Range is what a continuous factor varies over.
type Range struct {
	Lo, Hi float64
	// Log spreads by ratio rather than by difference, for what spans orders of magnitude;
	// both ends have to be above zero.
	Log bool
}

// Check says what is wrong with the range, or nil.
func (r Range) Check() error {
	switch {
	case !(r.Lo < r.Hi) || math.IsInf(r.Hi-r.Lo, 0):
		return fmt.Errorf("range %v to %v: want two numbers, the lower first", r.Lo, r.Hi)
	case r.Log && r.Lo <= 0:
		return fmt.Errorf("range %v to %v by ratio: want both above zero", r.Lo, r.Hi)
	}
	return nil
}

// At returns the value at u, which is between 0 and 1.
func (r Range) At(u float64) float64 {
	if r.Log {
		return r.Lo * math.Pow(r.Hi/r.Lo, u)
	}
	return r.Lo + u*(r.Hi-r.Lo)
}
