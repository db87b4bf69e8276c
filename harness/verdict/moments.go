package verdict

import "math"

// largest is where e-values end: they are kept out of infinity, which JSON does not have.
// An e-value may always be replaced by a smaller one.
const largest = 1e300

// Moments is the count, mean and scatter of differences, taken one at a time in constant
// memory (Welford 1962). Its zero value is empty.
type Moments struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	// M2 is the sum of squared deviations from the mean.
	M2 float64 `json:"m2"`
}

// Add takes one more difference.
func (m *Moments) Add(x float64) {
	m.N++
	d := x - m.Mean
	m.Mean += d / float64(m.N)
	m.M2 += d * (x - m.Mean)
}

// SD returns the standard deviation with n-1 degrees of freedom, NaN below two differences.
func (m Moments) SD() float64 {
	if m.N < 2 {
		return math.NaN()
	}
	return math.Sqrt(m.M2 / float64(m.N-1))
}

// E returns the e-value against the differences' having the given mean: that of the
// t-test with a standard normal mixture over the effect's size in standard deviations (Wang
// and Ramdas, arXiv 2310.03722, with c² = 1). It supposes normal differences.
//
// It is 1 for one difference, (n+1)^((n-1)/2) for differences that are all equal to
// something else than mean, which is the limit of vanishing scatter, and 1/√(n+1) where
// they all equal it.
func (m Moments) E(mean float64) float64 {
	if m.N == 0 {
		return 1
	}
	n := float64(m.N)
	r := n + 1
	// q is t²/ν: the ratio of what the mean explains to what it leaves.
	q := n * (m.Mean - mean) * (m.Mean - mean) / m.M2
	switch {
	case m.Mean == mean:
		q = 0
	case math.IsInf(q, 1):
		return exp(-math.Log(r)/2 + n/2*math.Log(r))
	}
	return exp(-math.Log(r)/2 + n/2*(math.Log1p(q)-math.Log1p(q/r)))
}

// Above returns the evidence that the mean is above the given one. Moving all differences
// down lowers it, so that it is valid against every smaller mean too.
func (m Moments) Above(mean float64) float64 {
	if m.Mean > mean {
		return m.E(mean)
	}
	return 1 / math.Sqrt(float64(m.N)+1)
}

// Below returns the evidence that the mean is below the given one.
func (m Moments) Below(mean float64) float64 {
	return Moments{m.N, -m.Mean, m.M2}.Above(-mean)
}

// Interval returns the means against which E is less than 1/alpha: it holds the true one
// at every n at once with a probability of 1-alpha, for normal differences. It is unbounded
// while there are too few (below 5 for an alpha of 5 %), and a point where all are equal.
func (m Moments) Interval(alpha float64) Interval {
	k := m.spread(alpha)
	if math.IsInf(k, 1) {
		return Interval{math.Inf(-1), math.Inf(1), 1 - alpha}
	}
	half := math.Sqrt(k * m.M2)
	return Interval{m.Mean - half, m.Mean + half, 1 - alpha}
}

// spread returns the square of half an interval by the sum of squared deviations; infinite
// while there is no interval.
func (m Moments) spread(alpha float64) float64 {
	n := float64(m.N)
	r := n + 1
	c := math.Pow(r/(alpha*alpha), 1/n)
	if m.N < 2 || c >= r {
		return math.Inf(1)
	}
	return (c - 1) / (1 - c/r) / n
}

// Interval is a range of values that are compatible with what was seen.
type Interval struct {
	Lo, Hi float64
	// Confidence is between 0 and 1, and holds at every n at once.
	Confidence float64
}

// Excludes says whether x lies outside.
func (i Interval) Excludes(x float64) bool { return x < i.Lo || x > i.Hi }

// exp raises to an e-value, and keeps it finite.
func exp(ln float64) float64 { return min(math.Exp(ln), largest) }
