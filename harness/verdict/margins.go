package verdict

import "math"

// Margins returns a number of an estimate, in its unit, as a multiple of the margin: 1 and -1 are effects of just that
// size. On the Ratio scale it counts in logarithms, as the evidence does. For Mechanism it means nothing.
func (h Hypothesis) Margins(x float64) float64 {
	if h.Scale == Ratio && !math.IsInf(x, 0) {
		x = math.Log1p(x / 100)
	}
	return x / h.delta()
}

// PairMargins returns the difference of a pair as a multiple of the margin, or why there is none. For Mechanism a
// move is 1 or more.
func (h Hypothesis) PairMargins(p Pair) (float64, Loss) {
	d, loss := p.difference(h.Scale)
	if h.Kind == Mechanism {
		return d / h.Margin, loss
	}
	return d / h.delta(), loss
}
