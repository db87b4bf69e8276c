package scenario

import (
	"fmt"
	"slices"
)

// Thinking is how long users think between an answer and their next request.
type Thinking string

// The ways to think.
const (
	// ThinkExponential draws each time from the exponential distribution with the mean that is given.
	ThinkExponential Thinking = "exponential"
	// ThinkConstant is the same time each time.
	ThinkConstant Thinking = "constant"
)

// Users are visitors in a closed loop: each asks for a page, waits for its answer or for the timeout, thinks, and asks
// again. Who waits asks for nothing: a server that slows down gets fewer requests, so that its latency is lower than
// that of visitors who come whether it is slow or not. Say rate for those.
type Users struct {
	// Count of users.
	Count int `yaml:"count" json:"count" min:"1" max:"10000"`
	// Think is the time from an answer to the user's next request; its mean, if it is exponential. Each user begins with
	// such a time, constant ones with a part of it that the seed draws. Without it, all begin at once, and each asks
	// again at once. After an error it is 1 ms at least.
	Think Duration `yaml:"think,omitempty" json:"think,omitempty" min:"1us" max:"1h"`
	// Thinking is exponential (drawn from the seed for each user) or constant.
	Thinking Thinking `yaml:"thinking,omitempty" json:"thinking" default:"exponential" enum:"constant,exponential"`
}

// users checks a closed loop, in which nothing else says when requests arrive.
func (v *validation) users(path string, h *HTTPLoad) {
	const hint = "users say when they ask: leave the key out, or say rate"
	for _, other := range []struct {
		key string
		is  bool
	}{
		{"arrivals", v.d.Written(path + ".arrivals")}, {"first", h.First != nil}, {"bursts", h.Bursts != nil},
		{"batch", h.Batch > 0}, {"sync", h.Sync != ""},
	} {
		if other.is {
			v.fail(join(path, other.key), other.key+" with users", hint)
		}
	}
	if h.Users.Think == 0 && v.d.Written(path+".users.thinking") {
		v.fail(path+".users.thinking", fmt.Sprintf("%s thinking that takes no time", h.Users.Thinking), "add think: 1s")
	}
}

// ClosedLoops are the clients whose requests are those of users.
func (s *Scenario) ClosedLoops() (clients []string) {
	for _, t := range s.Load {
		if t.HTTP != nil && t.HTTP.Users != nil && !slices.Contains(clients, t.From) {
			clients = append(clients, t.From)
		}
	}
	return clients
}
