package truth

// Question is something about netem that kernels answer differently.
type Question struct {
	Name string
	// About is the question in words, and Commit the upstream commit that changed the answer.
	About, Commit string
}

// Questions in the order in which they are asked.
func Questions() []Question { return questions }

var questions = []Question{
	{"seed", "netem's random stream can be given a seed, and is the generator that it is said to be",
		"4072d97ddc44, 9c87b2aeccf1, 3cad70bc74ef (6.6): netem: use a seeded PRNG"},
	{"reseed", "a change without a seed draws a new one, so that the stream does not repeat",
		"986afaf80994 (7.1): net/sched: netem: only reseed PRNG when seed is explicitly provided"},
	{"state-gap", "the four-state model has gaps between its probabilities, " +
		"where a packet is lost that should not be, or the reverse",
		"732b463449fd (7.1): net/sched: netem: fix probability gaps in 4-state loss model"},
	{"duplicate-refused", "a duplicating netem is refused beside another netem on one device",
		"ec8e0e3d7ade (6.16): net/sched: Restrict conditions for adding duplicating netems to qdisc tree; " +
			"taken back by eda0b7f203bb (7.1)"},
	{"in-order", "jitter with a rate keeps packets in order",
		"5080f39e8c72 (4.12): netem: apply correct delay when rate throttling"},
	{"loss-models", "the models gemodel and state lose packets as they are said to",
		"661b79725fea (2.6.39): netem: revised correlated loss generator"},
	{"limit-drops", "packets beyond the limit are counted as drops, and only as those",
		"4185701fcce6 (7.1): net/sched: netem: fix queue limit check to include reordered packets"},
	// The last one, since it changes the bench: what arrives at far goes on.
	{"copies-copied", "a copy made by one netem is copied by the next, on another device",
		"98b34f3e8c34 (7.1): net: Introduce skb tc depth field to track packet loops"},
}
