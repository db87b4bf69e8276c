package load

import "slices"

// recorder turns fates into a Result. Times are in ns relative to the start of the measured window.
type recorder struct {
	result   Result
	duration int64
	interval int64
	bin      Series  // grown by a sample when an interval ends
	latency  []int64 // of what completed in the present interval
	byClass  map[Class]*int64
	present  struct{ completed, errors int64 }
}

func newRecorder(c *Config) *recorder {
	r := &recorder{duration: int64(c.Duration), interval: int64(c.Interval), byClass: map[Class]*int64{}}
	for _, class := range Classes() {
		r.byClass[class] = new(int64)
	}
	if r.interval > 0 {
		n := int(r.bins())
		r.bin = Series{
			Interval: c.Interval, Completed: make([]int64, 0, n), Errors: make([]int64, 0, n),
			LatencyP99: make([]int64, 0, n), LatencyMax: make([]int64, 0, n), InFlight: make([]int64, 0, n),
		}
		r.latency = make([]int64, 0, 1024)
	}
	return r
}

// bins is the number of intervals; the last may be shorter.
func (r *recorder) bins() int64 { return (r.duration + r.interval - 1) / r.interval }

// advance closes the intervals that ended by now. It must be called before the number in flight changes.
func (r *recorder) advance(now int64, inFlight int) {
	if r.interval == 0 {
		return
	}
	for n := int64(len(r.bin.Completed)); n < r.bins() && min((n+1)*r.interval, r.duration) <= now; n++ {
		var p99, highest int64
		if k := len(r.latency); k > 0 {
			slices.Sort(r.latency)
			highest = r.latency[k-1]
			p99 = r.latency[(99*k+99)/100-1] // nearest rank
		}
		r.bin.Completed = append(r.bin.Completed, r.present.completed)
		r.bin.Errors = append(r.bin.Errors, r.present.errors)
		r.bin.LatencyP99 = append(r.bin.LatencyP99, p99)
		r.bin.LatencyMax = append(r.bin.LatencyMax, highest)
		r.bin.InFlight = append(r.bin.InFlight, int64(inFlight))
		r.latency = r.latency[:0]
		r.present.completed, r.present.errors = 0, 0
	}
}

// open tells whether now lies in an interval.
func (r *recorder) open(now int64) bool { return r.interval > 0 && now >= 0 && now < r.duration }

func (r *recorder) completed(now, latency int64) {
	r.result.Completed++
	r.result.Latency.record(latency)
	if r.open(now) {
		r.present.completed++
		r.latency = append(r.latency, latency)
	}
}

func (r *recorder) failed(now int64, class Class) {
	r.result.Errors++
	*r.byClass[class]++
	if r.open(now) {
		r.present.errors++
	}
}

// finish closes what is open and returns the result.
func (r *recorder) finish(now int64, inFlight int) *Result {
	r.advance(now, inFlight)        // up to now
	r.advance(r.duration, inFlight) // nothing more happened
	r.result.ByClass = map[Class]int64{}
	for class, n := range r.byClass {
		r.result.ByClass[class] = *n
	}
	r.result.Series = r.bin
	return &r.result
}
