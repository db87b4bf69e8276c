package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/run/httphead"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

func TestHistogramQuantilesHaveThreeDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 150e9), 1, 200).Draw(t, "values")
		q := rapid.Float64Range(0.01, 1).Draw(t, "q")
		var a, b, both Histogram
		var sum float64
		for i, v := range values {
			sum += float64(v)
			if i%2 == 0 {
				a.Record(v)
			} else {
				b.Record(v)
			}
		}
		both.Merge(&a)
		both.Merge(&b)
		encoded, err := json.Marshal(both)
		if err != nil {
			t.Fatal(err)
		}
		var h Histogram
		if err := json.Unmarshal(encoded, &h); err != nil {
			t.Fatal(err)
		}
		slices.Sort(values)
		if h.Count() != int64(len(values)) || h.Max() != values[len(values)-1] ||
			math.Abs(h.Mean()-sum/float64(len(values))) > 1 {
			t.Fatalf("count %d, max %d, mean %g", h.Count(), h.Max(), h.Mean())
		}
		rank := int(math.Ceil(q*float64(len(values)) - 1e-6))
		want := min(values[max(rank, 1)-1], highest)
		if got := h.Quantile(q); float64(got) < float64(want)-1024 || float64(got) > float64(want)*1.001+1024 {
			t.Fatalf("quantile %g of %v is %d, want %d", q, values, got, want)
		}
	})
}

func TestQuantileIsThatOfTheNearestRank(t *testing.T) {
	var h Histogram
	for i := range int64(151) {
		h.Record((i + 1) * 1e6)
	}
	for q, rank := range map[float64]int64{0.001: 1, 0.5: 76, 0.99: 150, 0.999: 151, 1: 151} {
		require.InDelta(t, rank*1e6, h.Quantile(q), 1e6/2, "quantile %g", q)
	}
	for range 49 {
		h.Record(1e9)
	}
	require.InDelta(t, 151e6, h.Quantile(151.0/200), 1e6/2)
}

func TestEmptyHistogram(t *testing.T) {
	var h, other Histogram
	h.Merge(&other)
	require.Zero(t, h.Quantile(0.99)+h.Max()+h.Count())
	require.Zero(t, h.Mean())
	b, err := json.Marshal(h)
	require.NoError(t, err)
	require.JSONEq(t, `{"sum":0,"max":0,"counts":[]}`, string(b))
	require.Error(t, json.Unmarshal([]byte(`{"counts":[[1,-1]]}`), &h))
	require.Error(t, json.Unmarshal([]byte(`{"counts":[[9000000000000000000,1]]}`), &h))
}

func TestRecorderFillsIntervals(t *testing.T) {
	r := newRecorder(&Config{Duration: 25, Interval: 10})
	r.advance(-5, 0)
	r.completed(-1, 100, false) // before the window, and planned there: neither in the accounts nor in the series
	r.again(-1, 0, false)
	r.advance(3, 2)
	r.completed(3, 8, false) // planned in the warm-up: an answer of the window, and none of the accounts'
	r.completed(3, 7, true)
	r.completed(4, 5, true)
	r.failed(5, Reset, true)
	r.failed(5, Reset, false)
	r.again(6, 3, true)
	r.advance(21, 4) // ends two intervals, in the second of which nothing happened
	r.completed(22, 9, true)
	r.again(24, 2, false)
	r.advance(25, 1)          // ends the window
	r.completed(26, 30, true) // after the window: of the accounts, and no answer of the window
	r.again(26, 1, true)
	r.failed(30, Timeout, true)
	result := r.finish(40, 0)
	require.Equal(t, Series{Interval: 10, Completed: []int64{3, 0, 1}, Errors: []int64{2, 0, 0}, Retried: []int64{1, 0, 1},
		LatencyP99: []int64{8, 0, 9}, LatencyMax: []int64{8, 0, 9}, InFlight: []int64{4, 4, 1}}, result.Series)
	require.Equal(t, int64(4), result.Completed)
	require.Equal(t, int64(2), result.Errors)
	require.Equal(t, int64(4), result.Latency.Count())
	require.Equal(t, int64(4), result.Answered)
	require.Equal(t, int64(2), result.Retried)
	require.Equal(t, map[Class]int64{Timeout: 1, Refused: 0, Reset: 1, Status: 0, Malformed: 0, Other: 0}, result.ByClass)
}

// What is counted when it happens is counted from the first moment of the window to the one before its end, with a
// series or without.
func TestRecorderCountsInTheWindow(t *testing.T) {
	for _, interval := range []time.Duration{0, 10} {
		r := newRecorder(&Config{Duration: 25, Interval: interval})
		for _, now := range []int64{-1, 0, 24, 25} {
			r.connecting(now)
			r.received(now, 10)
			r.idleClosed(now)
			r.idleExpired(now)
			r.completed(now, 1, false)
		}
		result := r.finish(30, 0)
		require.Equal(t, []int64{2, 20, 2, 2, 2, 0},
			[]int64{result.Connects, result.Bytes, result.IdleClosed, result.IdleExpired, result.Answered, result.Completed})
	}
}

func TestMerge(t *testing.T) {
	a := Result{Planned: 3, Sent: 3, Completed: 2, Errors: 1, ByClass: map[Class]int64{Reset: 1}, Answered: 1,
		IdleClosed: 1, IdleExpired: 1,
		Series: Series{Interval: 1, Completed: []int64{1, 1}, Errors: []int64{0, 1}, LatencyP99: []int64{5, 6},
			LatencyMax: []int64{5, 6}, InFlight: []int64{1, 0}, Retried: []int64{1, 1}}}
	b := Result{Planned: 2, Sent: 1, Unsent: 1, Completed: 1, Errors: 1, ByClass: map[Class]int64{Timeout: 1}, Retried: 1,
		Connects: 4, Bytes: 5, Abandoned: 6, Answered: 7, IdleClosed: 8, IdleExpired: 9,
		Series: Series{Interval: 1, Completed: []int64{1, 0}, Errors: []int64{1, 0}, LatencyP99: []int64{4, 0},
			LatencyMax: []int64{9, 0}, InFlight: []int64{2, 2}, Retried: []int64{0, 3}}}
	a.Latency.Record(1000)
	b.Latency.Record(3000)
	b.Late.Record(5000)
	for range 2 {
		b.Connect.Record(7000)
	}
	before := a.ByClass
	a.Merge(&b)
	require.Equal(t, map[Class]int64{Reset: 1}, before, "the argument's map is not shared")
	require.Equal(t, int64(5), a.Planned)
	require.Equal(t, a.Planned, a.Completed+a.Errors)
	require.Equal(t, a.Planned, a.Sent+a.Unsent)
	require.Equal(t, map[Class]int64{Reset: 1, Timeout: 1}, a.ByClass)
	require.Equal(t, int64(2), a.Latency.Count())
	require.Equal(t, Series{Interval: 1, Completed: []int64{2, 1}, Errors: []int64{1, 1}, LatencyP99: []int64{5, 6},
		LatencyMax: []int64{9, 6}, InFlight: []int64{3, 2}, Retried: []int64{1, 4}}, a.Series)
	require.Equal(t, []int64{1, 1, 2, 4, 5, 6, 8, 9, 10}, []int64{a.Retried, a.Late.Count(), a.Connect.Count(), a.Connects,
		a.Bytes, a.Abandoned, a.Answered, a.IdleClosed, a.IdleExpired})

	var zero Result
	zero.Merge(&a)
	require.Equal(t, a, zero)
}

func TestMetrics(t *testing.T) {
	r := Result{Planned: 4, Sent: 4, Completed: 3, Errors: 1, ByClass: map[Class]int64{Status: 1}}
	for _, ms := range []int64{1, 2, 3} {
		r.Latency.Record(ms * 1e6)
	}
	r.Answered, r.Unsent, r.Retried, r.Connects, r.Bytes, r.IdleClosed, r.IdleExpired = 5, 6, 7, 8, 9, 10, 11
	m := r.Metrics(2 * time.Second)
	require.Equal(t, 2.5, m["http.throughput"], "of the answers in the window, not of the completed requests")
	require.Equal(t, 3.0, m["http.completed"])
	for i, name := range []string{"http.unsent", "http.retried", "http.connects", "http.received", "http.idle.closed",
		"http.idle.expired"} {
		require.Equal(t, float64(6+i), m[name], name)
	}
	for name := range m {
		_, ok := metric.Lookup(name)
		require.True(t, ok, name)
	}
	require.Equal(t, 1.0, m["http.errors.status"])
	require.Equal(t, 0.0, m["http.errors.timeout"])
	require.Equal(t, 0.003, m["http.latency.max"])
	require.Equal(t, 0.002, m["http.latency.mean"])
	require.InDelta(t, 0.002, m["http.latency.p50"], 2e-6)
	require.NotContains(t, m, "http.connect.p50", "there was no connection")
}

func TestResponse(t *testing.T) {
	tests := map[string]struct {
		in     string
		done   bool // by the text alone
		end    bool // by the end of the connection
		err    error
		status int
		close  bool
	}{
		"length":              {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, false, nil, 200, false},
		"no body":             {"HTTP/1.1 500 No\r\ncontent-length:0\r\n\r\n", true, false, nil, 500, false},
		"close":               {"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 3\r\n\r\nabc", true, false, nil, 200, true},
		"1.0":                 {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", true, false, nil, 200, true},
		"1.0 keep-alive":      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", true, false, nil, 200, false},
		"no reason":           {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", true, false, nil, 200, false},
		"204":                 {"HTTP/1.1 204 No\r\n\r\n", true, false, nil, 204, false},
		"304":                 {"HTTP/1.1 304 Not Modified\r\n\r\n", true, false, nil, 304, false},
		"199 first":           {"HTTP/1.1 199 Wait\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", true, false, nil, 200, false},
		"two digits":          {"HTTP/1.1 20\r\n\r\n", false, false, errNotHTTP, 0, false},
		"no blank":            {"HTTP/1.1x200 OK\r\n\r\n", false, false, errNotHTTP, 0, false},
		"100 first":           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", true, false, nil, 200, false},
		"until the end":       {"HTTP/1.1 200 OK\r\n\r\nabc", false, true, nil, 200, true},
		"more than announced": {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", true, false, nil, 200, true},
		"short body":          {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false, false, nil, 200, false},
		"short head":          {"HTTP/1.1 200 OK\r\nContent-Le", false, false, nil, 0, false},
		"chunked":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n", true, false, nil, 200, false},
		"chunked and close":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", true, false, nil, 200, true},
		"chunked, 204":        {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", true, false, nil, 204, false},
		"chunked, short":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", false, false, nil, 200, false},
		"chunked, 1.0":        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, false, errTransfer, 0, false},
		"chunked and length":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", false, false, errTransfer, 0, false},
		"chunks that are not": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd", false, false, httphead.ErrMalformed, 0, false},
		"chunks, then more":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nabc", true, false, nil, 200, true},
		"another coding":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", false, true, nil, 200, true},
		"another protocol":    {"SSH-2.0-OpenSSH_9.2\r\n", false, false, errNotHTTP, 0, false},
		"HTTP/2":              {"HTTP/2.0 200 OK\r\n\r\n", false, false, errNotHTTP, 0, false},
		"no status":           {"HTTP/1.1 OK\r\n\r\n", false, false, errNotHTTP, 0, false},
		"four digits":         {"HTTP/1.1 2000 OK\r\n\r\n", false, false, errNotHTTP, 0, false},
		"status below 100":    {"HTTP/1.1 099 OK\r\n\r\n", false, false, errNotHTTP, 0, false},
		"field without colon": {"HTTP/1.1 200 OK\r\nfoo\r\n\r\n", false, false, errNotHTTP, 0, false},
		"bad length":          {"HTTP/1.1 200 OK\r\nContent-Length: 3a\r\n\r\n", false, false, errNotHTTP, 0, false},
		"lengths that differ": {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", false, false, errNotHTTP, 0, false},
		"endless head":        {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", responseHeadLimit), false, false, errTooLong, 0, false},
	}
	// Seen if it comes in one piece with the end.
	overrun := map[string]bool{"more than announced": true, "chunks, then more": true}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{len(test.in), 7, 1} { // however it comes
				var r response
				done, err := false, error(nil)
				for b := []byte(test.in); len(b) > 0 && err == nil && !done; {
					n := min(piece, len(b))
					done, err = r.feed(b[:n])
					b = b[n:]
				}
				require.ErrorIs(t, err, test.err)
				require.Equal(t, test.done, done)
				if err == nil {
					require.Equal(t, test.end, r.end())
					require.Equal(t, test.status, r.status)
					if !overrun[name] || piece > 1 {
						require.Equal(t, test.close, r.close)
					}
				}
			}
		})
	}
}

// Whatever we call complete, net/http must understand in the same way.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), 4)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n"), 50)
	f.Add([]byte("HTTP/1.1 100 Go\r\n\r\nHTTP/1.0 404 No\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"), 30)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var whole, pieces response
		done, err := whole.feed(b)
		if cut > 0 && cut < len(b) {
			first, e := pieces.feed(b[:cut])
			if e == nil && !first {
				first, e = pieces.feed(b[cut:])
			}
			if first != done || (e == nil) != (err == nil) {
				t.Fatalf("%q cut at %d: %t %v, whole: %t %v", b, cut, first, e, done, err)
			}
		}
		if !done || whole.status < 200 {
			return
		}
		in := bufio.NewReader(bytes.NewReader(b))
		for {
			want, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Skip("net/http is stricter") // with names and values of fields
			}
			body, err := io.ReadAll(want.Body)
			want.Body.Close()
			if want.StatusCode < 200 {
				continue
			}
			if err != nil || want.StatusCode != whole.status ||
				want.ContentLength >= 0 && int64(len(body)) != want.ContentLength {
				t.Fatalf("%q: %d, net/http: %d, %d bytes, %v", b, whole.status, want.StatusCode, len(body), err)
			}
			return
		}
	})
}
