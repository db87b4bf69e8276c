package arrival

import (
	"math"
	"math/rand/v2"

	"github.com/ruleout/ruleout/harness/scenario"
)

// piece of a rate over time: from one rate to another, evenly.
type piece struct {
	from, to   int64   // ns
	rate, last float64 // arrivals a second at from and at to
}

// amount is the arrivals of the piece: the integral of its rate.
func (p piece) amount() float64 { return (p.rate + p.last) / 2 * float64(p.to-p.from) / 1e9 }

// at is when the integral of the rate, from the piece's beginning, reaches an amount, in ns after it:
// the t > 0 with rate × t + (last - rate) / length × t² / 2 = amount, in the form that has no difference of near
// numbers for a rate that grows.
func (p piece) at(amount float64) float64 {
	length := float64(p.to-p.from) / 1e9
	slope := (p.last - p.rate) / length
	root := math.Sqrt(max(p.rate*p.rate+2*slope*amount, 0))
	if p.rate+root <= 0 {
		return 0
	}
	return min(2*amount/(p.rate+root), length) * 1e9
}

// along is arrivals on a curve, or in bursts.
func along(s Schedule, r *rand.Rand) []int64 {
	var plan []int64
	step := func() float64 { return -math.Log1p(-r.Float64()) }
	if s.Arrivals == scenario.Constant {
		step = func() float64 { return 1 }
	}
	next := step()
	if s.Arrivals == scenario.Constant {
		next = r.Float64()
	}
	sum := 0. // of the pieces so far
	for _, p := range pieces(s) {
		amount := p.amount()
		for next < sum+amount {
			plan = append(plan, min(p.from+int64(p.at(next-sum)), p.to-1))
			next += step()
		}
		sum += amount
	}
	return plan
}

// pieces cuts the time of a schedule at the points of its curve and at the ends of its bursts. Those without arrivals
// are left out.
func pieces(s Schedule) []piece {
	var list []piece
	from, to := int64(s.From), int64(s.To)
	add := func(a, b int64) {
		for _, p := range curve(s, a, b) {
			if p.amount() > 0 {
				list = append(list, p)
			}
		}
	}
	if s.Bursts == nil {
		add(from, to)
		return list
	}
	on, cycle := int64(s.Bursts.On), int64(s.Bursts.On+s.Bursts.Off)
	begin := from / cycle * cycle
	if begin > from {
		begin -= cycle // division is towards zero, and the warm-up is negative
	}
	for ; begin < to; begin += cycle {
		if a, b := max(begin, from), min(begin+on, to); a < b {
			add(a, b)
		}
	}
	return list
}

// curve is the pieces of the curve in a time, or the one of a rate that does not change.
func curve(s Schedule, from, to int64) (list []piece) {
	if s.Curve == nil {
		return []piece{{from, to, s.Rate, s.Rate}}
	}
	for i := 0; i <= len(s.Curve) && from < to; i++ {
		end := to
		if i < len(s.Curve) {
			end = min(to, int64(s.Curve[i].At))
		}
		if end > from {
			list = append(list, piece{from, end, rateAt(s.Curve, from), rateAt(s.Curve, end)})
			from = end
		}
	}
	return list
}

// rateAt is the rate of a curve at a time.
func rateAt(points []scenario.CurvePoint, at int64) float64 {
	for i, p := range points {
		if at > int64(p.At) {
			continue
		}
		if i == 0 {
			return float64(p.Rate)
		}
		before := points[i-1]
		share := float64(at-int64(before.At)) / float64(p.At-before.At)
		return float64(before.Rate) + share*float64(p.Rate-before.Rate)
	}
	return float64(points[len(points)-1].Rate)
}
