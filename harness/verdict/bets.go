package verdict

import "math"

// stakes are shares of what can be lost on one seed.
var stakes = [...]float64{0.1, 0.3, 0.5, 0.7, 0.9}

// bets is the evidence that a clipped mean lies on one side of the margin. Unlike the t-test it assumes nothing about
// the distribution. A player who holds that the mean gain is zero or less sells, at a fair price, bets that pay 1 +
// stake·gain. None pays less than nothing if no gain is below -1, which clipping sees to (Waudby-Smith and Ramdas,
// arXiv 2010.09686). The evidence is the mean of what the bets have made. Fixed stakes, rather than ones that learn,
// leave no order among the seeds.
type bets [len(stakes)]float64 // logarithms

// add takes the gain of one seed, in margins, not below -1.
func (b *bets) add(gain float64) {
	for i, stake := range stakes {
		b[i] += math.Log1p(stake * gain)
	}
}

// evidence returns what the bets make of scale times as many seeds like these, and of lost
// ones, on each of which everything is lost that can be.
func (b *bets) evidence(scale float64, lost int) float64 {
	var e float64
	for i, stake := range stakes {
		e += exp(scale*b[i]+float64(lost)*math.Log1p(-stake)) / float64(len(b))
	}
	return e
}
