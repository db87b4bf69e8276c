package scenario

import "math"

// Active tells whether the fault acts so long after the start of the measured window, in which repetition of it,
// counted from 0, and how long after that began. It is what the kernel's selector computes: times are whole
// nanoseconds, a beginning belongs to what begins and an end does not. An injection acts only in the nanosecond in
// which it begins.
func (f *Fault) Active(at Duration) (repetition int64, since Duration, ok bool) {
	since = at - f.At
	if since < 0 {
		return 0, 0, false
	}
	if f.Every > 0 {
		repetition = int64(since / f.Every)
		if f.Times > 0 && repetition >= int64(f.Times) {
			return 0, 0, false
		}
		since %= f.Every
	}
	switch {
	case f.Do.Inject != nil:
		ok = since == 0
	default:
		ok = f.For == 0 || since < f.For
	}
	if !ok {
		return 0, 0, false
	}
	return repetition, since, true
}

// Step returns which of the ramp's values holds so long after the beginning of the fault, or of its
// repetition: 0, the value of the fault itself, to Steps-1, that of the ramp. Value k holds from k × over / (Steps-1)
// on, rounded up to whole nanoseconds, and the last one from over on.
//
// This is the only definition of a step: what is planned, built, done in the kernel and reported follows it.
func (r *Ramp) Step(since Duration) int {
	last := Duration(r.Steps - 1)
	if since >= r.Over {
		return int(last)
	}
	return int(max(since, 0) * last / r.Over)
}

// Begins returns when value k begins to hold, from the beginning of the fault or of its repetition.
func (r *Ramp) Begins(k int) Duration {
	last := Duration(r.Steps - 1)
	return (Duration(k)*r.Over + last - 1) / last
}

// ChanceAt returns value k of a ramp of chance that begins with this one. All values are equally far apart.
func (r *Ramp) ChanceAt(from Share, k int) Share {
	if last := r.Steps - 1; k < last {
		return from + (*r.Chance-from)*Share(k)/Share(last)
	}
	return *r.Chance
}

// DelayAt returns value k of a ramp of delay that begins with this one.
func (r *Ramp) DelayAt(from Duration, k int) Duration {
	return Duration(between(float64(from), float64(r.Delay), k, r.Steps-1))
}

// RateAt returns value k of a ramp of rate that begins with this one.
func (r *Ramp) RateAt(from Rate, k int) Rate {
	return Rate(between(float64(from), float64(r.Rate), k, r.Steps-1))
}

// between is the nearest whole number k of last steps from one to the other.
func between(from, to float64, k, last int) float64 {
	return math.Round(from + (to-from)*float64(k)/float64(last))
}
