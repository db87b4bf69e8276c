package dns

// Result is what became of the lookups of a load, of those that were made for requests planned in the measured window.
type Result struct {
	// Lookups that were begun; Failed are those that ended without an address. Those that a request gave up are neither.
	Lookups int64 `json:"lookups"`
	Failed  int64 `json:"failed"`
	Counts
}

// Ended takes what a lookup has counted.
func (r *Result) Ended(l *Lookup) { r.Counts.add(&l.Counts) }

// Merge adds what became of another load's lookups.
func (r *Result) Merge(from *Result) {
	r.Lookups += from.Lookups
	r.Failed += from.Failed
	r.Counts.add(&from.Counts)
}

// Metrics returns the values of the catalogue's dns metrics that are counts.
func (r *Result) Metrics() map[string]float64 {
	return map[string]float64{
		"dns.lookups":     float64(r.Lookups),
		"dns.failed":      float64(r.Failed),
		"dns.queries":     float64(r.Queries),
		"dns.retries":     float64(r.Retries),
		"dns.timeouts":    float64(r.Timeouts),
		"dns.errors":      float64(r.Errors),
		"dns.unreachable": float64(r.Unreachable),
		"dns.fallbacks":   float64(r.Fallbacks),
	}
}
