package service

import (
	"math"
	"sync/atomic"
)

// costs draws by how much the cost of a request differs from the mean. Workers share it, and draw in the order in which
// they take requests.
type costs struct {
	drawn bool
	seed  atomic.Uint64
	taken atomic.Uint64
}

// next returns the factor of the next request: 1, or a number from the exponential distribution with mean 1, by its
// inverse, -ln(1-u), with u from 53 bits. The bits are those of SplitMix64 (Steele, Lea, Flood 2014), which a number
// leads to without those before it, so that workers need no lock.
func (c *costs) next() float64 {
	if !c.drawn {
		return 1
	}
	bits := mix(mix(c.seed.Load()) + c.taken.Add(1)*0x9e3779b97f4a7c15)
	return -math.Log1p(-float64(bits>>11) / (1 << 53))
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
