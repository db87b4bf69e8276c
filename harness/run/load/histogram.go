package load

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of a Histogram: 1 µs to 2 minutes, 3 significant digits.
const (
	lowest      = int64(time.Microsecond)
	highest     = int64(2 * time.Minute)
	significant = 3
)

// Histogram counts spans of time in ns, to 3 significant digits between 1 µs and 2 minutes; what lies
// outside counts at the edge. Sum and maximum are exact. The zero value is empty and ready.
type Histogram struct {
	hdr      *hdrhistogram.Histogram
	sum, max int64
}

// Record adds a span of time in ns; what is negative counts as 0.
func (h *Histogram) Record(v int64) {
	if h.hdr == nil {
		h.hdr = hdrhistogram.New(lowest, highest, significant)
	}
	v = max(v, 0)
	h.sum += v
	h.max = max(h.max, v)
	_ = h.hdr.RecordValue(min(v, highest)) // cannot be out of range
}

// Count returns the number of values.
func (h *Histogram) Count() int64 {
	if h.hdr == nil {
		return 0
	}
	return h.hdr.TotalCount()
}

// Mean returns the exact mean in ns, 0 for no values.
func (h *Histogram) Mean() float64 {
	if n := h.Count(); n > 0 {
		return float64(h.sum) / float64(n)
	}
	return 0
}

// Max returns the exact maximum in ns, 0 for no values.
func (h *Histogram) Max() int64 { return h.max }

// Quantile returns the q-quantile in ns, by nearest rank: the least of the values (rounded up to 3 significant
// digits, and never above Max) that a share q of them does not exceed. It is 0 for no values.
func (h *Histogram) Quantile(q float64) int64 {
	n := float64(h.Count())
	if n == 0 {
		return 0
	}
	// The library rounds to the nearest rank by a half; the rank itself makes it take that one.
	// 0.99 * 100 must not become 99.00000000000001.
	rank := math.Ceil(q*n - 1e-9*n)
	return min(h.hdr.ValueAtQuantile(100*rank/n), h.max)
}

// quantiles of metrics, by the last part of their names.
var quantiles = map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}

// Put adds metrics in s whose names begin with prefix and end in mean, max or one of the quantiles; none for no values.
func (h *Histogram) Put(m map[string]float64, prefix string, ends ...string) {
	if h.Count() == 0 {
		return
	}
	for _, end := range ends {
		switch end {
		case "mean":
			m[prefix+end] = h.Mean() / 1e9
		case "max":
			m[prefix+end] = float64(h.Max()) / 1e9
		default:
			m[prefix+end] = float64(h.Quantile(quantiles[end])) / 1e9
		}
	}
}

// Merge adds the values of another histogram.
func (h *Histogram) Merge(from *Histogram) {
	if from.Count() == 0 {
		return
	}
	if h.hdr == nil {
		h.hdr = hdrhistogram.New(lowest, highest, significant)
	}
	h.hdr.Merge(from.hdr)
	h.sum += from.sum
	h.max = max(h.max, from.max)
}

// wire is the form of a Histogram in JSON: buckets that are not empty, by their index in the library's order, and
// what they hold.
type wire struct {
	Sum    int64      `json:"sum"`
	Max    int64      `json:"max"`
	Counts [][2]int64 `json:"counts"`
}

// MarshalJSON writes the buckets that are not empty. It goes over the bare counts: the library's iterators
// take 4 ms for them in a guest.
func (h Histogram) MarshalJSON() ([]byte, error) {
	w := wire{Sum: h.sum, Max: h.max, Counts: [][2]int64{}}
	if h.hdr != nil {
		for i, n := range h.hdr.Export().Counts {
			if n > 0 {
				w.Counts = append(w.Counts, [2]int64{int64(i), n})
			}
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*h = Histogram{sum: w.Sum, max: w.Max}
	if len(w.Counts) == 0 {
		return nil
	}
	all := hdrhistogram.New(lowest, highest, significant).Export()
	for _, c := range w.Counts {
		if c[0] < 0 || c[0] >= int64(len(all.Counts)) {
			return fmt.Errorf("histogram: no bucket %d", c[0])
		}
		all.Counts[c[0]] = c[1]
	}
	if err := all.Validate(); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	h.hdr = hdrhistogram.Import(all)
	return nil
}
