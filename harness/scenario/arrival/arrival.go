// Package arrival works out when the requests of a load arrive.
package arrival

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Schedule says when requests arrive, relative to the start of the measured window; negative is warm-up.
type Schedule struct {
	Arrivals scenario.Arrivals `json:"arrivals"`
	// Rate in arrivals a second.
	Rate float64 `json:"rate"`
	// First is when the first of constant arrivals is, after From; nil lets the seed say. Others do not have it.
	First *time.Duration `json:"first,omitempty"`
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
	return Schedule{Arrivals: h.Arrivals, Rate: float64(h.Rate), First: (*time.Duration)(h.First), From: from, To: end}
}

// Plan returns the arrival times in ns relative to the start of the measured window, in order.
//
// It depends on nothing but its arguments. The generator is PCG (math/rand/v2), whose sequence Go guarantees, seeded
// by the SHA-256 of "ruleout load plan 1", the seed and the index of the load in its scenario, both
// as 8 bytes, big-endian: first 8 bytes of the digest for the one half of the state, next 8 for the other.
//
// Constant arrivals are 1/rate apart, to the nanosecond and without drift. Unless [Schedule.First] says when the first
// is, the seed chooses that, within one gap of From, so that seeds differ and no load is in step with the kernel's tick
// in all of them. Poisson arrivals have independent exponential gaps, -ln(1-u)/rate with u from 53 bits.
func Plan(s Schedule, seed uint64, index int) []int64 {
	length := float64(s.To - s.From)
	if !(s.Rate > 0) || length <= 0 {
		return nil
	}
	r := source(seed, index)
	gap := 1e9 / s.Rate
	plan := make([]int64, 0, int(length/gap*1.1)+16)
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

func source(seed uint64, index int) *rand.Rand {
	b := []byte("ruleout load plan 1")
	b = binary.BigEndian.AppendUint64(b, seed)
	b = binary.BigEndian.AppendUint64(b, uint64(index))
	sum := sha256.Sum256(b)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
