package arrival

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/ruleout/ruleout/harness/scenario"
)

// Thoughts are the times that one user of a closed loop thinks, one after the other. They do not depend on what the
// others do, nor on when answers come: with one seed, the n-th thought of a user is the same on each kernel.
type Thoughts struct {
	users  *scenario.Users
	source rand.PCG
}

// NewThoughts returns those of a user of a load. The generator is PCG, seeded by the SHA-256 of "ruleout load user 1",
// the seed, and the index of the load and the number of the user, both as 8 bytes, big-endian.
func NewThoughts(u *scenario.Users, seed uint64, index, user int) Thoughts {
	b := []byte("ruleout load user 1")
	for _, n := range []uint64{seed, uint64(index), uint64(user)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	sum := sha256.Sum256(b)
	t := Thoughts{users: u}
	t.source.Seed(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))
	return t
}

// First is how long after the load's beginning the user asks first, in ns.
func (t *Thoughts) First() int64 {
	if t.users.Thinking == scenario.ThinkConstant {
		return int64(t.even() * float64(t.users.Think))
	}
	return t.Next()
}

// Next is the time from an answer to the next request, in ns.
func (t *Thoughts) Next() int64 {
	if t.users.Thinking == scenario.ThinkConstant || t.users.Think == 0 {
		return int64(t.users.Think)
	}
	return int64(-math.Log1p(-t.even()) * float64(t.users.Think))
}

// even is drawn evenly from [0, 1), with 53 bits.
func (t *Thoughts) even() float64 { return float64(t.source.Uint64()>>11) / (1 << 53) }
