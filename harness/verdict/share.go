package verdict

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Share counts yes and no: seeds in which a counter moved, or that went beyond something.
// Its evidence is exact, for any n and at any time. Its zero value is empty.
type Share struct {
	Yes int `json:"yes"`
	N   int `json:"n"`
}

// Add takes one more answer.
func (s *Share) Add(yes bool) {
	s.N++
	if yes {
		s.Yes++
	}
}

// Above returns the evidence that the probability of yes is above p: the likelihood ratio
// against p, averaged over all greater probabilities (Robbins 1970; see also arXiv
// 1810.08240). It needs no guess at the true one.
func (s Share) Above(p float64) float64 {
	k, n := float64(s.Yes), float64(s.N)
	// 1-I_p(a, b), without losing the digits of a difference.
	tail := mathext.RegIncBeta(n-k+1, k+1, 1-p)
	return exp(mathext.Lbeta(k+1, n-k+1) + math.Log(tail) - math.Log1p(-p) - s.likelihood(p))
}

// Below returns the evidence that the probability of yes is below p.
func (s Share) Below(p float64) float64 {
	return Share{s.N - s.Yes, s.N}.Above(1 - p)
}

// Rarer returns the evidence that the probability of yes is below p: the likelihood ratio
// of p/10 to p. Where yes never comes it grows faster than Below, by (1-p/10)/(1-p) a seed,
// which makes 65 seeds for a p of 5 % and an e-value of 20. Where yes comes more often than
// about 0.4·p it shrinks.
func (s Share) Rarer(p float64) float64 {
	return exp(s.likelihood(p/10) - s.likelihood(p))
}

// AtMost returns the smallest p that is refuted by [Share.Rarer] at 1/alpha: the probability
// of yes is below it, at every n at once with a probability of at least 1-alpha.
func (s Share) AtMost(alpha float64) float64 {
	return edge(1, 0, func(p float64) bool { return s.Rarer(p) >= 1/alpha })
}

// Interval returns the probabilities against which the mixture over all others is less than
// 1/alpha: it holds the true one at every n at once with a probability of at least 1-alpha.
func (s Share) Interval(alpha float64) Interval {
	k, n := float64(s.Yes), float64(s.N)
	if s.N == 0 {
		return Interval{0, 1, 1 - alpha}
	}
	mixture := mathext.Lbeta(k+1, n-k+1)
	inside := func(p float64) bool { return mixture-s.likelihood(p) < -math.Log(alpha) }
	best := k / n
	return Interval{edge(best, 0, inside), edge(best, 1, inside), 1 - alpha}
}

// edge returns the last p on the way from one that is inside towards the end.
func edge(from, end float64, inside func(float64) bool) float64 {
	if inside(end) {
		return end
	}
	for range 60 {
		if mid := from + (end-from)/2; inside(mid) {
			from = mid
		} else {
			end = mid
		}
	}
	return from
}

// likelihood returns the logarithm of the probability of this very sequence of answers.
func (s Share) likelihood(p float64) float64 {
	var l float64
	if s.Yes > 0 {
		l += float64(s.Yes) * math.Log(p)
	}
	if no := s.N - s.Yes; no > 0 {
		l += float64(no) * math.Log1p(-p)
	}
	return l
}
