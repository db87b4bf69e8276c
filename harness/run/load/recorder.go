package load

import (
	"slices"

	"github.com/ruleout/ruleout/harness/run/window"
)

// recorder turns fates into a Result. Times are in ns relative to the start of the measured window.
type recorder struct {
	result  Result
	window  window.Window
	bin     Series  // grown by a sample when an interval ends
	latency []int64 // of what completed in the present interval
	byClass map[Class]*int64
	present struct{ completed, errors, retried int64 }
}

func newRecorder(c *Config) *recorder {
	r := &recorder{window: window.Window{Duration: c.Duration, Interval: c.Interval}, byClass: map[Class]*int64{}}
	r.result.Aborts = c.AbortAfter > 0 || c.AbortBytes > 0
	for _, class := range Classes() {
		r.byClass[class] = new(int64)
	}
	if n := r.window.Bins(); n > 0 {
		r.bin = Series{
			Interval: c.Interval, Completed: make([]int64, 0, n), Errors: make([]int64, 0, n), Retried: make([]int64, 0, n),
			LatencyP99: make([]int64, 0, n), LatencyMax: make([]int64, 0, n), InFlight: make([]int64, 0, n),
		}
		r.latency = make([]int64, 0, 1024)
	}
	return r
}

// advance closes the intervals that ended by now. It must be called before the number in flight changes.
func (r *recorder) advance(now int64, inFlight int) {
	interval, duration := int64(r.window.Interval), int64(r.window.Duration)
	for n := len(r.bin.Completed); n < r.window.Bins() && min(int64(n+1)*interval, duration) <= now; n++ {
		var p99, highest int64
		if k := len(r.latency); k > 0 {
			slices.Sort(r.latency)
			highest = r.latency[k-1]
			p99 = r.latency[(99*k+99)/100-1] // nearest rank
		}
		r.bin.Completed = append(r.bin.Completed, r.present.completed)
		r.bin.Errors = append(r.bin.Errors, r.present.errors)
		r.bin.Retried = append(r.bin.Retried, r.present.retried)
		r.bin.LatencyP99 = append(r.bin.LatencyP99, p99)
		r.bin.LatencyMax = append(r.bin.LatencyMax, highest)
		r.bin.InFlight = append(r.bin.InFlight, int64(inFlight))
		r.latency = r.latency[:0]
		r.present.completed, r.present.errors, r.present.retried = 0, 0, 0
	}
}

// sampled tells whether what happens now belongs to an interval.
func (r *recorder) sampled(now int64) bool { return r.window.Bin(now) >= 0 }

// completed, failed and again take what became of a request, which is measured if it was planned in the window. The
// accounts are about those. The answers in the window and the series are about all that happens there.
func (r *recorder) completed(now, latency int64, measured bool) {
	if measured {
		r.result.Completed++
		r.result.Latency.Record(latency)
	}
	if r.window.Holds(now) {
		r.result.Answered++
	}
	if r.sampled(now) {
		r.present.completed++
		r.latency = append(r.latency, latency)
	}
}

func (r *recorder) failed(now int64, class Class, measured bool) {
	if measured {
		r.result.Errors++
		*r.byClass[class]++
	}
	if r.sampled(now) {
		r.present.errors++
	}
}

// again takes a request that is sent once more. The number in flight stays as it is.
func (r *recorder) again(now int64, inFlight int, measured bool) {
	r.advance(now, inFlight)
	if measured {
		r.result.Retried++
	}
	if r.sampled(now) {
		r.present.retried++
	}
}

// What follows is counted when it happens, of all requests.

func (r *recorder) connecting(now int64)  { r.count(now, &r.result.Connects, 1) }
func (r *recorder) idleClosed(now int64)  { r.count(now, &r.result.IdleClosed, 1) }
func (r *recorder) idleExpired(now int64) { r.count(now, &r.result.IdleExpired, 1) }

func (r *recorder) received(now int64, bytes int) { r.count(now, &r.result.Bytes, int64(bytes)) }

func (r *recorder) count(now int64, what *int64, n int64) {
	if r.window.Holds(now) {
		*what += n
	}
}

// finish closes what is open and returns the result.
func (r *recorder) finish(now int64, inFlight int) *Result {
	r.advance(now, inFlight)                      // up to now
	r.advance(int64(r.window.Duration), inFlight) // nothing more happened
	r.result.ByClass = map[Class]int64{}
	for class, n := range r.byClass {
		if class != Unresolved || r.result.DNS != nil {
			r.result.ByClass[class] = *n
		}
	}
	r.result.Series = r.bin
	return &r.result
}
