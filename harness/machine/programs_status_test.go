package machine_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario/expect"
)

// shop makes a run of the shop of real programs whose requests are all within the window.
func shop(t *testing.T, set ...string) *result.Record {
	t.Helper()
	if os.Getenv("RULEOUT_TEST_REAL") == "" {
		t.Skip("it fetches packages of the distribution: set RULEOUT_TEST_REAL")
	}
	s, err := expect.Load("../../scenarios/real/shop.yaml", append([]string{
		"load[0].http.at=500ms", "load[0].http.for=3s", "load[0].http.timeout=1s", "faults=[]"}, set...))
	require.NoError(t, err)
	r, err := machine.Run(t.Context(), machine.Request{Scenario: s, Seed: 1})
	require.NoError(t, err)
	require.True(t, r.Valid, r.InvalidBecause)
	require.Zero(t, r.Load.Errors)
	return r
}

// What programs say of themselves is what the load has asked of them: each page is one request to both servers and to
// the pool, asks the cache once, and on a miss the database twice, over a connection of its own.
func TestStatusIsWhatTheLoadAsked(t *testing.T) {
	r := shop(t)
	value := func(name string) int64 {
		v, ok := r.Value(name)
		require.True(t, ok, name)
		return int64(v)
	}
	sent := r.Load.Sent
	for _, name := range []string{"front.nginx.requests", "web.nginx.requests", "web.fpm.accepted"} {
		require.Equal(t, sent, value(name), name)
	}
	misses := value("cache.redis.misses")
	require.Equal(t, sent, value("cache.redis.hits")+misses)
	require.Equal(t, sent+misses, value("cache.redis.commands"), "a GET for each page, a SETEX for each miss")
	require.Equal(t, misses, value("db.mariadb.connections"))
	require.Equal(t, value("db.Tcp.PassiveOpens"), value("db.mariadb.connections"), "as the kernel counts them")
	require.Equal(t, value("front.Tcp.PassiveOpens"), value("front.nginx.accepted"))
	for _, p := range r.Programs {
		if p.Name == "mariadb-tables" {
			require.Nil(t, p.Status)
			continue
		}
		require.NotNil(t, p.Status, p.Name)
		want := 18 // each 300 ms, and at the end
		if p.Name == "mariadb" {
			want = 3 // each 3 s, and at the end
		}
		require.Equal(t, result.ProgramStatus{Readings: want}, *p.Status, p.Name)
	}
	sum := 0.0
	for _, v := range r.Timeline.Series["web.fpm.accepted"] {
		sum += v
	}
	require.InDelta(t, sent, sum, 1e-6, "the intervals make up the window")
}

// Where a status is off there is none, and where there can be none the record says why.
func TestStatusThatIsNotRead(t *testing.T) {
	r := shop(t, "nodes.front.service.nginx.status=off", "nodes.db.service.mariadb.status=off",
		"nodes.web.service.php-fpm.status=off", "nodes.web.service.nginx.status=off",
		`nodes.cache.service.redis.status=1s`)
	for _, name := range []string{"front.nginx.requests", "db.mariadb.questions", "web.fpm.accepted"} {
		_, ok := r.Value(name)
		require.False(t, ok, name)
	}
	for _, p := range r.Programs {
		if p.Name == "redis" {
			require.Equal(t, 6, p.Status.Readings)
			continue
		}
		require.Nil(t, p.Status, p.Name)
	}
}
