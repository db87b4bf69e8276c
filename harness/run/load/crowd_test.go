package load

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

// Whoever thinks until the earliest moment asks first, whatever came and went before; sorting says who that is.
func TestTheOneWhoAsksNextIsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &crowd{to: 1 << 40}
		var left []thinker
		for user := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(left) > 0 && rapid.Bool().Draw(t, "ask") {
				slices.SortFunc(left, func(a, b thinker) int {
					if a.before(b) {
						return -1
					}
					return 1
				})
				if at := c.ask(); at != left[0].at || c.asker[len(c.asker)-1] != left[0].user {
					t.Fatalf("%d at %d asks, in place of %v", c.asker[len(c.asker)-1], at, left[0])
				}
				left = left[1:]
				continue
			}
			one := thinker{rapid.Int64Range(0, 20).Draw(t, "at"), int32(user)}
			c.push(one)
			left = append(left, one)
		}
	})
}

func TestACrowdAsksToTheEndOfItsLoad(t *testing.T) {
	u := &scenario.Users{Count: 3, Think: 100, Thinking: scenario.ThinkConstant}
	c := newCrowd(u, arrival.Schedule{From: 1000, To: 1150}, 1, 0)
	asked := 0
	for at := int64(0); c.next() != never; asked++ {
		next := c.next()
		require.GreaterOrEqual(t, next, max(at, 1000))
		require.Less(t, next, int64(1150))
		at = c.ask()
		require.Equal(t, next, at)
		c.think(int32(asked), at, false)
	}
	require.GreaterOrEqual(t, asked, 3)
	require.LessOrEqual(t, asked, 6, "each once or twice")

	c = newCrowd(&scenario.Users{Count: 1}, arrival.Schedule{From: 0, To: 1e9}, 1, 0)
	c.ask()
	c.think(0, 500, true)
	require.EqualValues(t, 500+regret, c.next(), "who met an error waits before it asks again")
	c.ask()
	c.think(1, 2e6, false)
	require.EqualValues(t, 2e6, c.next())
}

// Each of n users has one request at a time: a server that answers after 10 ms sees n at once, never more, and each of
// them again and again. The response time law (Denning and Buzen 1978) is arithmetic: all n users are either waiting or
// thinking all the time.
func TestUsersWaitForTheirAnswers(t *testing.T) {
	const users, hold, think = 5, 10 * time.Millisecond, 5 * time.Millisecond
	at := address()
	l, err := net.Listen("tcp", at.String())
	require.NoError(t, err)
	var mu sync.Mutex
	now, most := 0, 0
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				_, _ = conn.Read(make([]byte, 4096))
				select {
				case <-time.After(hold):
				case <-ctx.Done():
				}
				mu.Lock()
				now--
				mu.Unlock()
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"))
			})
		}
	})
	c := config(at)
	c.Users = &scenario.Users{Count: users, Think: scenario.Duration(think), Thinking: scenario.ThinkConstant}
	c.Duration, c.Schedule.To = 400*time.Millisecond, 400*time.Millisecond
	r := generate(t, c)
	cancel()
	require.NoError(t, l.Close())
	all.Wait()
	require.Zero(t, r.Errors)
	require.LessOrEqual(t, most, users)
	cycle := r.Latency.Mean()/1e9 + think.Seconds()
	require.InEpsilon(t, users*c.Duration.Seconds()/cycle, float64(r.Completed), 0.2, "of %v", r)
	require.Greater(t, r.Latency.Mean()/1e9, hold.Seconds())
}

// Who cannot even connect asks again after a while, and does not keep the CPU for itself.
func TestUsersMeetErrors(t *testing.T) {
	c := config(address()) // nobody listens
	c.Users = &scenario.Users{Count: 2, Thinking: scenario.ThinkExponential}
	r := generate(t, c)
	require.Zero(t, r.Completed)
	require.Equal(t, r.Planned, r.ByClass[Refused])
	require.Positive(t, r.Planned)
	require.LessOrEqual(t, r.Planned, int64(2*(50+1)), "each once a millisecond at most")
}
