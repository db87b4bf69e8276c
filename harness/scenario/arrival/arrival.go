// Package arrival works out when the requests of a load arrive.
//
// # Concept
//
// A [Plan] is a pure function of a [Schedule], the seed and the load's place. Constant and Poisson arrivals are defined
// at a rate of one. A rate that changes stretches their time: the arrival that a rate of one has at u is at the t up to
// which the integral of the rate is u. So constant arrivals on a curve are as many as its integral at any time, and
// Poisson ones are a Poisson process with the curve as its intensity (Çinlar 1975, Introduction to Stochastic
// Processes, chapter 4, section 7).
package arrival

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/trace"
)

// Schedule says when requests arrive, relative to the start of the measured window; negative is warm-up.
type Schedule struct {
	Arrivals scenario.Arrivals `json:"arrivals"`
	// Rate in arrivals a second, unless there is a curve, or times are given.
	Rate float64 `json:"rate,omitempty"`
	// First is when the first of constant arrivals is, after From; nil lets the seed say. Others do not have it.
	First *time.Duration `json:"first,omitempty"`
	// Curve is a rate that changes, and Bursts when it holds.
	Curve  []scenario.CurvePoint `json:"curve,omitempty"`
	Bursts *scenario.Bursts      `json:"bursts,omitempty"`
	// Times are the arrivals themselves.
	Times []scenario.Duration `json:"times,omitempty"`
	// Recording is replayed from Base on, so many times Faster than it was.
	Recording *scenario.Recording `json:"recording,omitempty"`
	Base      time.Duration       `json:"base,omitempty"`
	Faster    int64               `json:"faster,omitempty"`
	// Batch is how many arrive together; 0 is one.
	Batch int `json:"batch,omitempty"`
	// Sync names what is drawn from the seed, instead of the load's place.
	Sync string `json:"sync,omitempty"`
	// From (included) and To (excluded) bound the arrivals.
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Of returns the schedule of the load of a scenario that has an index; that of a program has no arrivals.
func Of(s *scenario.Scenario, index int) Schedule {
	h, ok := s.Load[index].Pace()
	if !ok { // a program makes its own
		return Schedule{To: time.Duration(s.Duration)}
	}
	from := -time.Duration(s.Warmup)
	if h.At != nil {
		from = time.Duration(*h.At)
	}
	end := time.Duration(s.Duration)
	if h.For > 0 {
		end = min(end, from+time.Duration(h.For))
	}
	schedule := Schedule{Arrivals: h.Arrivals, Rate: float64(h.Rate), First: (*time.Duration)(h.First),
		From: from, To: end}
	page := s.Load[index].HTTP
	if page == nil {
		return schedule
	}
	schedule.Curve, schedule.Bursts, schedule.Times = page.Curve, page.Bursts, page.Times
	schedule.Batch, schedule.Sync = page.Batch, page.Sync
	if r := page.Replay; r != nil {
		recording := r.Recording()
		schedule.Recording, schedule.Base, schedule.Faster = &recording, time.Duration(page.Base()), int64(r.Faster)
	}
	return schedule
}

// Plan returns the arrival times in ns relative to the start of the measured window, in order.
//
// It depends on nothing but its arguments. The generator is PCG (math/rand/v2), whose sequence Go guarantees, seeded
// by the SHA-256 of "ruleout load plan 1", the seed and the index of the load in its scenario, both
// as 8 bytes, big-endian: first 8 bytes of the digest for the one half of the state, next 8 for the other. Of a load
// with [Schedule.Sync], "ruleout load sync 1", the seed and the name.
//
// Constant arrivals are 1/rate apart, to the nanosecond and without drift. Unless [Schedule.First] says when the first
// is, the seed chooses that, within one gap of From, so that seeds differ and no load is in step with the kernel's tick
// in all of them. Poisson arrivals have independent exponential gaps, -ln(1-u)/rate with u from 53 bits. On a curve or
// in bursts, both are that at a rate of one, in the time in which the integral of the rate grows by one a second.
//
// A recording with a grain has whole seconds: the seed puts each request into its second, evenly.
func Plan(s Schedule, seed uint64, index int) []int64 {
	if s.To <= s.From {
		return nil
	}
	r := source(s, seed, index)
	var plan []int64
	switch {
	case s.Times != nil:
		for _, at := range s.Times {
			if at := int64(at); at >= int64(s.From) && at < int64(s.To) {
				plan = append(plan, at)
			}
		}
	case s.Recording != nil:
		plan = replay(s, r)
	case s.Curve != nil || s.Bursts != nil:
		plan = along(s, r)
	default:
		plan = steady(s, r)
	}
	if s.Batch < 2 {
		return plan
	}
	all := make([]int64, 0, len(plan)*s.Batch)
	for _, at := range plan {
		for range s.Batch {
			all = append(all, at)
		}
	}
	return all
}

// steady is arrivals at one rate.
func steady(s Schedule, r *rand.Rand) []int64 {
	if !(s.Rate > 0) {
		return nil
	}
	gap := 1e9 / s.Rate
	plan := make([]int64, 0, int(float64(s.To-s.From)/gap*1.1)+16)
	add := func(t float64) bool {
		at := int64(s.From) + int64(t)
		if at >= int64(s.To) {
			return false
		}
		plan = append(plan, at)
		return true
	}
	if s.Arrivals == scenario.Constant {
		phase := r.Float64() * gap
		if s.First != nil {
			phase = float64(*s.First)
		}
		for i := 0; add(phase + float64(i)*gap); i++ {
		}
		return plan
	}
	t := 0.0
	for {
		t += -math.Log1p(-r.Float64()) * gap
		if !add(t) {
			return plan
		}
	}
}

// replay is arrivals at the times of a recording.
func replay(s Schedule, r *rand.Rand) []int64 {
	times, err := trace.Times(s.Recording.Times, s.Recording.Grain)
	if err != nil {
		return nil // it was looked at when it was read
	}
	plan := make([]int64, 0, len(times))
	for _, t := range times {
		if s.Recording.Grain > 0 {
			t += r.Int64N(s.Recording.Grain)
		}
		if at := int64(s.Base) + t/s.Faster; at >= int64(s.From) && at < int64(s.To) {
			plan = append(plan, at)
		}
	}
	slices.Sort(plan)
	return plan
}

func source(s Schedule, seed uint64, index int) *rand.Rand {
	b := []byte("ruleout load plan 1")
	if s.Sync != "" {
		b = []byte("ruleout load sync 1")
	}
	b = binary.BigEndian.AppendUint64(b, seed)
	if s.Sync != "" {
		b = append(b, s.Sync...)
	} else {
		b = binary.BigEndian.AppendUint64(b, uint64(index))
	}
	sum := sha256.Sum256(b)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
