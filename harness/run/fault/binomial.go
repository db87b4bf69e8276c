package fault

import "math"

// outside is how likely a correct count falls out of its interval: 0.1 %, half on either side.
const outside = 0.001

// binomialInterval returns the exact interval of the number of successes in n trials of
// chance p: the counts lo to hi such that fewer than lo, and more than hi, each have a
// probability of at most outside/2.
//
// It adds up the distribution's own terms from where it is negligible (12 standard
// deviations out) towards the middle, so it is as exact as float64 and takes a time
// proportional to the standard deviation.
func binomialInterval(n int64, p float64) (lo, hi int64) {
	switch {
	case n <= 0 || p <= 0:
		return 0, 0
	case p >= 1:
		return n, n
	}
	mean, far := float64(n)*p, 12*math.Sqrt(float64(n)*p*(1-p))+40
	odds := p / (1 - p)

	lo = max(0, int64(mean-far))
	for term, sum := 0., 0.; ; lo++ {
		if term == 0 { // at the start, and while it is too small for a float64
			term = binomialTerm(n, lo, p)
		}
		if sum += term; sum > outside/2 {
			break
		}
		term *= float64(n-lo) / float64(lo+1) * odds
	}
	hi = min(n, int64(math.Ceil(mean+far)))
	for term, sum := 0., 0.; ; hi-- {
		if term == 0 {
			term = binomialTerm(n, hi, p)
		}
		if sum += term; sum > outside/2 {
			break
		}
		term *= float64(hi) / float64(n-hi+1) / odds
	}
	return lo, hi
}

// binomialTerm is the probability of exactly k successes.
func binomialTerm(n, k int64, p float64) float64 {
	lgamma := func(x int64) float64 { v, _ := math.Lgamma(float64(x)); return v }
	return math.Exp(lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}
