package inquiry

// stream is the generator of netem's random numbers since Linux 6.6: taus113 (L'Ecuyer 1999) as the kernel seeds it,
// prandom_seed_state in include/linux/prandom.h and prandom_u32_state in lib/random32.c.
type stream [4]uint32

func newStream(seed uint64) *stream {
	i := uint32(seed>>32 ^ seed<<10 ^ seed)
	s := new(stream)
	for k, least := range []uint32{2, 8, 16, 128} {
		if s[k] = i; i < least {
			s[k] += least
		}
	}
	return s
}

func (s *stream) next() uint32 {
	var sum uint32
	for k, c := range []struct {
		a, b, d int
		mask    uint32
	}{{6, 13, 18, 1<<32 - 2}, {2, 27, 2, 1<<32 - 8}, {13, 21, 7, 1<<32 - 16}, {3, 12, 13, 1<<32 - 128}} {
		s[k] = (s[k]&c.mask)<<c.d ^ (s[k]<<c.a^s[k])>>c.b
		sum ^= s[k]
	}
	return sum
}
