package load

import (
	"maps"
	"time"

	"github.com/ruleout/ruleout/harness/run/dns"
	"github.com/ruleout/ruleout/harness/run/window"
)

// Class is a kind of error.
type Class string

// Classes of errors.
const (
	// Timeout: not completed within the timeout from the planned time, sent or not; or the
	// kernel gave up on the connection (ETIMEDOUT).
	Timeout Class = "timeout"
	// Refused: the server's kernel answered SYN with RST (ECONNREFUSED).
	Refused Class = "refused"
	// Reset: the connection ended before the first byte of the answer, or was reset (ECONNRESET, EPIPE) at any time.
	Reset Class = "reset"
	// Status: a whole answer, but not 2xx.
	Status Class = "status"
	// Malformed: what came is not HTTP as this generator knows it, or ends short of its Content-Length.
	Malformed Class = "malformed"
	// Unresolved: the server's name has no address that was found in time.
	Unresolved Class = "resolve"
	// Other: anything else, such as no route or no free port.
	Other Class = "other"
)

// Classes lists all classes of errors.
func Classes() []Class { return []Class{Timeout, Refused, Reset, Status, Malformed, Unresolved, Other} }

// Result is what a generator measured. Requests are those planned inside the measured window, whenever they met their
// fate, unless it is said otherwise.
type Result struct {
	// Planned requests.
	Planned int64 `json:"planned"`
	// Sent requests: a connection attempt was made, or the request was written on an open connection.
	Sent int64 `json:"sent"`
	// Unsent requests found no free connection before their timeout; they are timeouts too.
	Unsent int64 `json:"unsent"`
	// Completed requests.
	Completed int64 `json:"completed"`
	// Answered requests were completed inside the window, whenever they were planned: some in the warm-up.
	Answered int64 `json:"answered"`
	// Errors of all classes, and by class.
	Errors  int64           `json:"errors"`
	ByClass map[Class]int64 `json:"by_class"`
	// Abandoned requests had no fate when the generator was stopped.
	Abandoned int64 `json:"abandoned"`
	// Aborted requests were given up by the client on purpose; Aborts is whether it does that.
	Aborted int64 `json:"aborted,omitempty"`
	Aborts  bool  `json:"aborts,omitempty"`
	// Retried is how often requests were sent again. They met a connection that ended before the answer began, and went
	// out again on a new one (RFC 9112, 9.3.1).
	Retried int64 `json:"retried"`
	// Connects is the number of connection attempts inside the window, and Bytes what was received in it, of all requests.
	Connects int64 `json:"connects"`
	Bytes    int64 `json:"bytes"`
	// IdleClosed is the kept connections that the server ended inside the window while they were idle, and IdleExpired
	// those that the generator did.
	IdleClosed  int64 `json:"idle_closed"`
	IdleExpired int64 `json:"idle_expired"`
	// Latency of completed requests, from the planned time to the last byte.
	Latency Histogram `json:"latency"`
	// Connect is the time from connect(2) until the generator saw the connection established.
	Connect Histogram `json:"connect"`
	// Late is how far the generator was behind its plan, see the package comment.
	Late Histogram `json:"late"`
	// DNS is what became of lookups; nil if there were none to make. Lookup is the time that they took, of those that
	// found an address.
	DNS    *dns.Result `json:"dns,omitempty"`
	Lookup Histogram   `json:"lookup"`
	// Series over the measured window.
	Series Series `json:"series"`
}

// Series is what happened in each interval of the measured window, in order, whenever the requests were planned: some
// of those completed in the first intervals are of the warm-up. What happens after the window is not in it.
type Series struct {
	// Interval between samples; 0 when there are none.
	Interval  time.Duration `json:"interval"`
	Completed []int64       `json:"completed"`
	Errors    []int64       `json:"errors"`
	// Retried is the requests that were sent once more.
	Retried []int64 `json:"retried"`
	// LatencyP99 and LatencyMax are of the requests completed in the interval, in ns; 0 when there was none.
	LatencyP99 []int64 `json:"latency_p99"`
	LatencyMax []int64 `json:"latency_max"`
	// InFlight is the number of requests that were dispatched and without a fate at the interval's end.
	InFlight []int64 `json:"in_flight"`
}

// Merge adds what another generator measured in the same run. The p99 of an interval becomes the higher of the two,
// which is an upper bound; quantiles over the window stay exact.
func (r *Result) Merge(from *Result) {
	r.Planned += from.Planned
	r.Sent += from.Sent
	r.Unsent += from.Unsent
	r.Completed += from.Completed
	r.Answered += from.Answered
	r.Errors += from.Errors
	r.Abandoned += from.Abandoned
	r.Retried += from.Retried
	r.Aborted += from.Aborted
	r.Aborts = r.Aborts || from.Aborts
	r.Connects += from.Connects
	r.Bytes += from.Bytes
	r.IdleClosed += from.IdleClosed
	r.IdleExpired += from.IdleExpired
	merged := maps.Clone(r.ByClass)
	if merged == nil {
		merged = map[Class]int64{}
	}
	for class, n := range from.ByClass {
		merged[class] += n
	}
	r.ByClass = merged
	r.Latency.Merge(&from.Latency)
	r.Connect.Merge(&from.Connect)
	r.Late.Merge(&from.Late)
	r.Lookup.Merge(&from.Lookup)
	if from.DNS != nil {
		if r.DNS == nil {
			r.DNS = new(dns.Result)
		}
		r.DNS.Merge(from.DNS)
	}
	r.Series.merge(&from.Series)
}

func (s *Series) merge(from *Series) {
	if s.Interval == 0 {
		s.Interval = from.Interval
	}
	s.Completed = window.Sum(s.Completed, from.Completed)
	s.Errors = window.Sum(s.Errors, from.Errors)
	s.Retried = window.Sum(s.Retried, from.Retried)
	s.InFlight = window.Sum(s.InFlight, from.InFlight)
	s.LatencyP99 = window.Highest(s.LatencyP99, from.LatencyP99)
	s.LatencyMax = window.Highest(s.LatencyMax, from.LatencyMax)
}

// Metrics returns the values of the catalogue's http metrics in base units (s, 1/s, counts), for
// a measured window of a length. Quantiles of nothing are left out.
func (r *Result) Metrics(window time.Duration) map[string]float64 {
	m := map[string]float64{
		"http.planned":      float64(r.Planned),
		"http.sent":         float64(r.Sent),
		"http.unsent":       float64(r.Unsent),
		"http.retried":      float64(r.Retried),
		"http.completed":    float64(r.Completed),
		"http.errors":       float64(r.Errors),
		"http.throughput":   float64(r.Answered) / window.Seconds(),
		"http.connects":     float64(r.Connects),
		"http.received":     float64(r.Bytes),
		"http.idle.closed":  float64(r.IdleClosed),
		"http.idle.expired": float64(r.IdleExpired),
	}
	if r.Aborts {
		m["http.aborted"] = float64(r.Aborted)
	}
	for _, class := range Classes() {
		if class != Unresolved || r.DNS != nil {
			m["http.errors."+string(class)] = float64(r.ByClass[class])
		}
	}
	if r.DNS != nil {
		maps.Copy(m, r.DNS.Metrics())
		r.Lookup.Put(m, "dns.latency.", "mean", "max", "p50", "p90", "p99")
	}
	r.Latency.Put(m, "http.latency.", "mean", "max", "p50", "p90", "p99", "p999")
	r.Connect.Put(m, "http.connect.", "p50", "p99")
	return m
}
