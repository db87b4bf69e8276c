package fault

import (
	"math"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// chain is a loss model as a Markov chain: what one packet does. Chains begin in state 0.
type chain [][]move

// move is a way from one state to another, its probability, and the probability that the packet is lost on it.
type move struct {
	to                int
	probability, lost float64
}

// newChain is a model as the kernel's code has it (loss_gilb_ell and loss_4state in net/sched/sch_netem.c).
func newChain(m netem.LossModel) chain {
	p := func(s netem.Share) float64 { return float64(s) / float64(netem.All) }
	switch m := m.(type) {
	case netem.GilbertElliott: // whether a packet is lost depends on the state before it
		good, bad := p(m.LossGood), p(m.LossBad)
		return chain{
			{{0, 1 - p(m.ToBad), good}, {1, p(m.ToBad), good}},
			{{0, p(m.ToGood), bad}, {1, 1 - p(m.ToGood), bad}},
		}
	case netem.FourState: // states 1 to 4 are 0 to 3 here
		return chain{
			{{3, p(m.P14), 1}, {2, p(m.P13), 1}, {0, 1 - p(m.P14) - p(m.P13), 0}},
			{{2, p(m.P23), 1}, {1, 1 - p(m.P23), 0}},
			{{1, p(m.P32), 0}, {0, p(m.P31), 0}, {2, 1 - p(m.P32) - p(m.P31), 1}},
			{{0, 1, 0}},
		}
	}
	panic("unknown loss model")
}

// logMGF is log E exp(θ × losses) of the first n packets.
func (c chain) logMGF(theta float64, n int64) float64 {
	size := len(c)
	power := make([][]float64, size)
	for i, moves := range c {
		power[i] = make([]float64, size)
		for _, m := range moves {
			power[i][m.to] += m.probability * (1 - m.lost + m.lost*math.Exp(theta))
		}
	}
	row := make([]float64, size)
	row[0] = 1
	log, scale := 0., 0. // of row, and of power
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			next := make([]float64, size)
			for i, v := range row {
				for j := range next {
					next[j] += v * power[i][j]
				}
			}
			row = next
			log += scale + normalise(row)
		}
		square := make([][]float64, size)
		most := 0.
		for i := range square {
			square[i] = make([]float64, size)
			for k, v := range power[i] {
				for j := range square[i] {
					square[i][j] += v * power[k][j]
				}
			}
			for _, v := range square[i] {
				most = max(most, v)
			}
		}
		for i := range square {
			for j := range square[i] {
				square[i][j] /= most
			}
		}
		power, scale = square, 2*scale+math.Log(most)
	}
	sum := 0.
	for _, v := range row {
		sum += v
	}
	return log + math.Log(sum)
}

// normalise divides by the greatest of the numbers and returns its logarithm.
func normalise(row []float64) float64 {
	most := 0.
	for _, v := range row {
		most = max(most, v)
	}
	for i := range row {
		row[i] /= most
	}
	return math.Log(most)
}

// interval returns counts lo to hi of losses such that fewer than lo, and more than hi, each have a
// probability of at most outside/2, for trains of packets that each meet the chain at its start.
func (c chain) interval(trains ...int64) (lo, hi int64) {
	var total int64
	for _, n := range trains {
		total += n
	}
	return chernoff(total, func(theta float64) (sum float64) {
		for _, n := range trains {
			sum += c.logMGF(theta, n)
		}
		return sum
	})
}

// chernoff returns the interval of a count of at most total, by the logarithm of its moment-generating function.
//
// The bounds are Chernoff's, P(S >= k) <= exp(log E exp(θS) - θk) for each θ > 0, with the best θ. They hold for
// every length, with all of a model's memory, and are wider than the exact interval by a fifth or so.
func chernoff(total int64, logMGF func(theta float64) float64) (lo, hi int64) {
	if total == 0 {
		return 0, 0
	}
	rare := math.Log(outside / 2)
	// of the count, on the side of theta's sign
	bound := func(theta float64) float64 { return (logMGF(theta) - rare) / theta }
	// bound has one extremum over log θ: log E exp(θS) is convex.
	above := least(func(x float64) float64 { return bound(math.Exp(x)) })
	below := -least(func(x float64) float64 { return -bound(-math.Exp(x)) })
	return max(int64(math.Floor(below))+1, 0), min(int64(math.Ceil(above))-1, total)
}

// least is the least value of a function with one minimum between exp's arguments of -20 and 5, by golden section.
func least(f func(float64) float64) float64 {
	const ratio = 0.6180339887498949
	a, b := -20., 5.
	x, y := b-ratio*(b-a), a+ratio*(b-a)
	fx, fy := f(x), f(y)
	for b-a > 1e-4 {
		if fx <= fy {
			b, y, fy = y, x, fx
			x = b - ratio*(b-a)
			fx = f(x)
		} else {
			a, x, fx = x, y, fy
			y = a + ratio*(b-a)
			fy = f(y)
		}
	}
	return min(fx, fy)
}
