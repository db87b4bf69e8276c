package load

import (
	"errors"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/arrival"
)

const (
	// mostAsked is how many requests the users of a closed loop may make: each is remembered.
	mostAsked = 10_000_000
	// regret is how long a user waits at least after an error, so that errors that cost no time, such as a lack of
	// ports, do not keep the generator from all else.
	regret = 1_000_000
)

var errMostAsked = errors.New("the users made more than 10,000,000 requests: let them think for longer")

// crowd are the users of a closed loop. Each waits for an answer, or thinks until it asks again.
type crowd struct {
	thoughts []arrival.Thoughts // by user
	asker    []int32            // the user who made each request of the plan
	from     int64
	to       int64
	thinking []thinker // a heap: the one who asks next is first
}

// thinker is a user who asks again at a time.
type thinker struct {
	at   int64
	user int32
}

func newCrowd(u *scenario.Users, s arrival.Schedule, seed uint64, index int) *crowd {
	c := &crowd{from: int64(s.From), to: int64(s.To)}
	c.thoughts, c.thinking = make([]arrival.Thoughts, u.Count), make([]thinker, 0, u.Count)
	c.asker = make([]int32, 0, 1<<16)
	for i := range u.Count {
		c.thoughts[i] = arrival.NewThoughts(u, seed, index, i)
		c.push(thinker{c.from + c.thoughts[i].First(), int32(i)})
	}
	return c
}

// next is when somebody asks; never if nobody does before the load's end.
func (c *crowd) next() int64 {
	if len(c.thinking) == 0 || c.thinking[0].at >= c.to || len(c.asker) > mostAsked {
		return never
	}
	return c.thinking[0].at
}

// ask takes the user who asks next, and when that is due. It makes the next request of the plan.
func (c *crowd) ask() (at int64) {
	first := c.thinking[0]
	last := len(c.thinking) - 1
	c.thinking[0] = c.thinking[last]
	c.thinking = c.thinking[:last]
	c.sink()
	c.asker = append(c.asker, first.user)
	return first.at
}

// think has the user of a request think, which met its fate.
func (c *crowd) think(request int32, now int64, failed bool) {
	user := c.asker[request]
	t := c.thoughts[user].Next()
	if failed {
		t = max(t, regret)
	}
	c.push(thinker{now + t, user})
}

// before says who asks first. Of two who ask in the same nanosecond it is the one with the lower number.
func (t thinker) before(u thinker) bool { return t.at < u.at || t.at == u.at && t.user < u.user }

func (c *crowd) push(t thinker) {
	c.thinking = append(c.thinking, t)
	for i := len(c.thinking) - 1; i > 0; {
		parent := (i - 1) / 2
		if !c.thinking[i].before(c.thinking[parent]) {
			return
		}
		c.thinking[i], c.thinking[parent] = c.thinking[parent], c.thinking[i]
		i = parent
	}
}

// sink moves the first to its place.
func (c *crowd) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.thinking); child++ {
			if c.thinking[child].before(c.thinking[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		c.thinking[i], c.thinking[least] = c.thinking[least], c.thinking[i]
		i = least
	}
}
