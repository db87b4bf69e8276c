package load

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/scenario"
)

// A configuration may have nothing where 0 means no limit, and as many pieces as a request has bytes.
func TestConfigurationsAtTheEdge(t *testing.T) {
	c := config(address())
	c.Interval, c.Timeout, c.Duration = 0, 1, 1
	require.NoError(t, c.check())
	c.Writes = len(c.request())
	require.NoError(t, c.check())
	require.Equal(t, 1, letter(c.request()).pieceEnd(0, c.Writes))
	c.Writes++
	require.EqualError(t, c.check(), fmt.Sprintf("load: a request of %d bytes cannot be written in %d pieces",
		len(c.request()), c.Writes))
	for _, bad := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.To = netip.AddrPort{} }, "load: no address to go to"},
		{func(c *Config) { c.Duration = 0 }, "load: timeout and duration must be positive"},
		{func(c *Config) { c.Timeout = 0 }, "load: timeout and duration must be positive"},
		{func(c *Config) { c.Idle = -1 }, "load: connections, interval and idle must not be negative"},
		{func(c *Config) { c.Interval = -1 }, "load: connections, interval and idle must not be negative"},
		{func(c *Config) { c.Connections = -1 }, "load: connections, interval and idle must not be negative"},
		{func(c *Config) { c.Writes = -1 }, "cannot be written in -1 pieces"},
	} {
		c := config(address())
		bad.change(&c)
		require.ErrorContains(t, c.check(), bad.want)
	}

	at := scenario.Duration(5e9)
	s := &scenario.Scenario{Duration: 30e9, Load: []scenario.Traffic{{HTTP: &scenario.HTTPLoad{At: &at, For: 1}}}}
	require.Equal(t, 5*time.Second+1, NewConfig(s, 0, netip.MustParseAddrPort("10.0.0.2:80")).Schedule.To)
}

// Three digits are kept: buckets are 512 ns wide up to 2048 of them, about a millisecond, then 1024 ns, and so on. Two
// minutes is where they end.
func TestHistogramBuckets(t *testing.T) {
	for v, most := range map[int64]int64{
		0: 511, 511: 511, 512: 1023, 1_000_000: 1_000_447, 1_234_000: 1_234_943, 3_000_000: 3_000_319,
		5_000_000: 5_001_215,
	} {
		var h Histogram
		h.Record(v)
		h.Record(300e9)
		require.Equal(t, most, h.Quantile(0.5), "%d", v)
		require.InEpsilon(t, 120e9, h.Quantile(1), 0.0006)
		require.Equal(t, int64(300e9), h.Max())
		b, err := json.Marshal(h)
		require.NoError(t, err)
		var back Histogram
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, h, back)
		require.LessOrEqual(t, strings.Count(string(b), "["), 3, "only what is not empty: %s", b)
	}
	var h Histogram
	h.Record(-5)
	require.Equal(t, []int64{1, 0, 0}, []int64{h.Count(), h.Max(), h.Quantile(1)})
	require.Zero(t, h.Mean(), "no time is below nothing")

	// The last bucket that there is, and the one after it.
	last := 0
	for step := 1 << 20; step > 0; step /= 2 {
		if json.Unmarshal(fmt.Appendf(nil, `{"counts":[[%d,1]]}`, last+step), &h) == nil {
			last += step
		}
	}
	require.ErrorContains(t, json.Unmarshal(fmt.Appendf(nil, `{"counts":[[%d,1]]}`, last+1), &h),
		fmt.Sprintf("no bucket %d", last+1))
	require.GreaterOrEqual(t, float64(last), 1024*math.Log2(2*60e9/512/1024),
		"1024 for each power of two up to two minutes")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"counts":[[-1,1]]}`), &h), "no bucket -1")
}

// The p99 of an interval is the answer of which one in a hundred is slower, whatever the order.
func TestP99OfAnInterval(t *testing.T) {
	for n, want := range map[int]int64{1: 1, 99: 99, 100: 99, 101: 100, 200: 198, 300: 297} {
		r := newRecorder(&Config{Duration: 1, Interval: 1})
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
			r.completed(0, int64(i+1), true)
		}
		result := r.finish(5, 0)
		require.Equal(t, []int64{want}, result.Series.LatencyP99, "of %d", n)
		require.Equal(t, []int64{int64(n)}, result.Series.LatencyMax)
		require.Equal(t, int64(n), result.Completed)
	}
}

// A request that goes out again belongs to the interval in which it does.
func TestRetriesEndIntervals(t *testing.T) {
	r := newRecorder(&Config{Duration: 25, Interval: 10})
	r.again(5, 1, true)
	r.again(15, 2, true)
	r.again(24, 3, true)
	r.failed(24, Other, false)
	result := r.finish(30, 0)
	require.Equal(t, []int64{1, 1, 1}, result.Series.Retried)
	require.Equal(t, []int64{2, 3, 0}, result.Series.InFlight)
	require.Zero(t, result.Errors)
}

// A head may have 32 KiB, and not one byte more.
func TestLongestHead(t *testing.T) {
	for size, want := range map[int]error{32768: nil, 32769: errTooLong} {
		var r response
		_, err := r.feed([]byte("HTTP/1.1 200 OK\r\nX: "))
		require.NoError(t, err)
		_, err = r.feed([]byte(strings.Repeat("x", size-len("HTTP/1.1 200 OK\r\nX: "))))
		require.ErrorIs(t, err, want, "%d bytes", size)
	}
}

// An answer begins with its first byte.
func TestAnAnswerBegins(t *testing.T) {
	var r response
	_, err := r.feed(nil)
	require.NoError(t, err)
	require.False(t, r.began)
	for _, piece := range []string{"H", "", "TTP"} {
		_, err := r.feed([]byte(piece))
		require.NoError(t, err)
		require.True(t, r.began)
	}
}

// All quantiles are in seconds.
func TestQuantilesInSeconds(t *testing.T) {
	var r Result
	for i := range int64(2000) {
		r.Latency.Record((i + 1) * 1e6)
		r.Connect.Record((i + 1) * 1e5)
	}
	m := r.Metrics(time.Second)
	for name, want := range map[string]float64{
		"http.latency.p50": 1, "http.latency.p90": 1.8, "http.latency.p99": 1.98, "http.latency.p999": 1.998,
		"http.latency.max": 2, "http.latency.mean": 1.0005,
		"http.connect.p50": 0.1, "http.connect.p99": 0.198,
	} {
		require.InEpsilon(t, want, m[name], 0.0005, name)
	}
}
