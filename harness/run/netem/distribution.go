package netem

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Table is a distribution of delays: with it, a packet's delay is Latency + v × Jitter/8192, and
// v is one of the table's values, each as likely as the next. 1 to 16384 values.
//
// The three tables of [Normal], [Pareto] and [ParetoNormal] are those of iproute2, which come
// from NIST Net (netem/normal.c, pareto.c and paretonormal.c there). Those say that they have mean 0 and
// standard deviation 1; [Table.Mean] and [Table.Deviation] say what they have indeed.
type Table []int16

const (
	// tableScale is what a table calls 1: NETEM_DIST_SCALE.
	tableScale = 8192
	// mostValues that the kernel takes: NETEM_DIST_MAX.
	mostValues = 16384
	// fineness is in how many steps iproute2 cuts probability; every fourth makes it into a table.
	fineness = 16384
	// paretoShape is the exponent of the Pareto distribution; its mean is then 1.5.
	paretoShape = 3
)

// Normal returns the table of the normal distribution, cut at 4 standard deviations.
func Normal() Table { return slices.Clone(normal()) }

// Pareto returns the table of a Pareto distribution of shape 3, cut at 4 standard deviations.
func Pareto() Table { return slices.Clone(pareto()) }

// ParetoNormal returns the table of a quarter normal and three quarters Pareto.
func ParetoNormal() Table { return slices.Clone(paretoNormal()) }

// quantiles of the standard normal distribution, in fineness steps. They are found by going
// along the distribution and noting for each step the last place that rounds to it, in
// steps of the size that iproute2 takes: other ways differ in the last digit.
var quantiles = sync.OnceValue(func() []float64 {
	q := make([]float64, fineness+1)
	for x := -10.0; x < 10.05; x += .00005 {
		q[int(math.RoundToEven(fineness*(.5+.5*math.Erf(x/math.Sqrt2))))] = x
	}
	return q
})

var normal = sync.OnceValue(func() Table {
	var t Table
	for i := 0; i < fineness; i += 4 {
		t = append(t, clamp(math.RoundToEven(quantiles()[i]*tableScale)))
	}
	return t
})

var pareto = sync.OnceValue(func() Table {
	var t Table
	for i := 0; i < fineness; i += 4 {
		t = append(t, int16(paretoValue(i)))
	}
	return t
})

var paretoNormal = sync.OnceValue(func() Table {
	var t Table
	for i := 0; i < fineness; i += 4 {
		n := int(math.RoundToEven(quantiles()[i] * tableScale)) // not clamped yet: so has iproute2
		t = append(t, clamp(float64((n+3*paretoValue(i))/4)))
	}
	return t
})

func paretoValue(i int) int {
	v := 1/math.Pow(1-float64(i)/fineness, 1./paretoShape) - 1.5
	return int(math.RoundToEven(min(v*4/3*tableScale, math.MaxInt16)))
}

func clamp(v float64) int16 { return int16(min(max(v, math.MinInt16), math.MaxInt16)) }

// Mean of the table, in units of Jitter.
func (t Table) Mean() float64 {
	sum := 0
	for _, v := range t {
		sum += int(v)
	}
	return float64(sum) / float64(len(t)) / tableScale
}

// Deviation is the table's standard deviation, in units of Jitter.
func (t Table) Deviation() float64 {
	mean, sum := t.Mean(), 0.
	for _, v := range t {
		d := float64(v)/tableScale - mean
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(t)))
}

// Bounds of the delay with the table.
func (t Table) bounds(latency, jitter time.Duration) (least, most time.Duration) {
	at := func(v int16) time.Duration {
		return latency + time.Duration(math.Round(float64(v)/tableScale*float64(jitter)))
	}
	return at(slices.Min(t)), at(slices.Max(t))
}

// Longest is the most that the qdisc holds a packet by its Latency and Jitter.
func (q *Qdisc) Longest() time.Duration {
	if q.Table == nil || q.Jitter == 0 {
		return q.Latency + q.Jitter
	}
	_, most := q.Table.bounds(q.Latency, q.Jitter)
	return max(most, 0)
}

// WithMean returns the Latency at which delays by this table have this mean. It is not just
// the mean less that of the table: the kernel sends at once what should have been sent
// before it came, so that delays below 0 count as 0.
func (t Table) WithMean(mean, jitter time.Duration) time.Duration {
	of := func(latency float64) float64 {
		sum := 0.
		for _, v := range t {
			sum += max(latency+float64(v)/tableScale*float64(jitter), 0)
		}
		return sum / float64(len(t))
	}
	low, high := float64(mean)-5*float64(jitter), float64(mean)+5*float64(jitter)
	for range 100 {
		if middle := (low + high) / 2; of(middle) < float64(mean) {
			low = middle
		} else {
			high = middle
		}
	}
	return time.Duration(math.Round((low + high) / 2))
}

// Empirical returns Latency, Jitter and Table by which netem gives each of these delays, which
// differ, with the same likelihood. A delay comes out wrong by 1/131070 of the span from the least to the
// greatest, and 2 ns, at the most. The span is at most [WidestTable]; there are 2 to 16384 delays.
func Empirical(delays []time.Duration) (latency, jitter time.Duration, t Table) {
	least, most := slices.Min(delays), slices.Max(delays)
	latency = least + (most-least)/2
	// Values are 16 bits wide: with this jitter the farthest delay is the greatest of them.
	jitter = max(time.Duration(math.Ceil(float64(most-latency)*tableScale/math.MaxInt16)), 1)
	for _, d := range delays {
		t = append(t, clamp(math.Round(float64(d-latency)*tableScale/float64(jitter))))
	}
	return latency, jitter, t
}

// WidestTable is the greatest span of delays that a table can hold: jitter is 31 bits of ns.
const WidestTable = 17 * time.Second
