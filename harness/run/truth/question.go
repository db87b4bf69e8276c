package truth

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
)

// Question is something about netem that kernels answer differently.
type Question struct {
	Name string
	// About is the question in words, and Commit the upstream commit that changed the answer.
	About, Commit string
	ask           func(*bench) (string, error)
}

// Questions in the order in which they are asked.
func Questions() []Question { return questions }

var questions = []Question{
	{"seed", "netem's random stream can be given a seed, and is the generator that it is said to be",
		"4072d97ddc44, 9c87b2aeccf1, 3cad70bc74ef (6.6): netem: use a seeded PRNG", askSeed},
	{"reseed", "a change without a seed draws a new one, so that the stream does not repeat",
		"986afaf80994 (7.1): net/sched: netem: only reseed PRNG when seed is explicitly provided", askReseed},
	{"state-gap", "the four-state model has gaps between its probabilities, where a packet is lost that should not be, or the reverse",
		"732b463449fd (7.1): net/sched: netem: fix probability gaps in 4-state loss model", askGap},
	{"duplicate-refused", "a duplicating netem is refused beside another netem on one device",
		"ec8e0e3d7ade (6.16): net/sched: Restrict conditions for adding duplicating netems to qdisc tree; taken back by eda0b7f203bb (7.1)", askDuplicate},
	{"in-order", "jitter with a rate keeps packets in order",
		"5080f39e8c72 (4.12): netem: apply correct delay when rate throttling", askOrder},
	{"loss-models", "the models gemodel and state lose packets as they are said to",
		"661b79725fea (2.6.39): netem: revised correlated loss generator", askModels},
	{"limit-drops", "packets beyond the limit are counted as drops, and only as those",
		"4185701fcce6 (7.1): net/sched: netem: fix queue limit check to include reordered packets", askLimit},
	// The last one, since it changes the bench: what arrives at far goes on.
	{"copies-copied", "a copy made by one netem is copied by the next, on another device",
		"98b34f3e8c34 (7.1): net: Introduce skb tc depth field to track packet loops", askCopies},
}

func yes(b bool) string {
	if b {
		return Yes
	}
	return No
}

// limit of qdiscs that are not about limits.
const limit = 1000

func askSeed(b *bench) (string, error) {
	seed := uint64(0x1234567890abcdef)
	// The first number of the stream decides about the first packet: lost if it is not above the share.
	first := newStream(seed).next()
	for _, c := range []struct {
		share netem.Share
		lost  bool
	}{{netem.Share(first), true}, {netem.Share(first) - 1, false}} {
		err := b.add(netem.Qdisc{Loss: c.share, Limit: limit, Seed: &seed})
		if err != nil {
			if s, ok, read := b.read(); read == nil && ok && s.Netem != nil && s.Netem.Seed == nil {
				return No, b.remove()
			}
			return "", err
		}
		got, err := b.send(1)
		if err != nil {
			return "", err
		}
		if (len(got) == 0) != c.lost {
			return Unknown, nil
		}
	}
	return Yes, nil
}

func askReseed(b *bench) (string, error) {
	if b.knows("seed") != Yes {
		return Unknown, nil
	}
	seed := uint64(7)
	if err := b.add(netem.Qdisc{Loss: 1 << 31, Limit: limit, Seed: &seed}); err != nil {
		return "", err
	}
	if err := b.conn.Change(b.near.Index, handle, netem.Root, netem.Qdisc{Loss: 1 << 30, Limit: limit}); err != nil {
		return "", err
	}
	s, ok, err := b.read()
	if err != nil || !ok {
		return "", errors.Join(err, errors.New("read netem back: it is gone"))
	}
	return yes(*s.Netem.Seed != seed), b.remove()
}

func askGap(b *bench) (string, error) {
	if b.knows("seed") != Yes {
		return Unknown, nil // no number can be put on a boundary
	}
	seed := uint64(7)
	boundary := netem.Share(newStream(seed).next())
	// The first number is on the boundary of p14 and p13, which together are 100 %: lost by the one or the other.
	if err := b.add(netem.Qdisc{Model: netem.FourState{P14: boundary, P13: netem.All - boundary, P31: netem.All, P23: netem.All}, Limit: limit, Seed: &seed}); err != nil {
		return "", err
	}
	got, err := b.send(1)
	return yes(len(got) == 1), err
}

func askDuplicate(b *bench) (answer string, err error) {
	if err := b.addBands(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.removeRoot()) }()
	if err := b.conn.Add(b.near.Index, netem.Handle(2, 0), netem.Handle(1, 1), netem.Qdisc{Latency: 1, Limit: limit}); err != nil {
		return "", err
	}
	err = b.conn.Add(b.near.Index, netem.Handle(3, 0), netem.Handle(1, 2), netem.Qdisc{Duplicate: netem.All, Limit: limit})
	if errors.Is(err, unix.EINVAL) {
		return Yes, nil
	}
	return No, err
}

func askCopies(b *bench) (string, error) {
	if err := b.relay(); err != nil {
		return "", err
	}
	q := netem.Qdisc{Duplicate: netem.All, Limit: limit}
	if err := b.conn.Add(b.relayed.Index, handle, netem.Root, q); err != nil {
		return "", err
	}
	if err := b.add(q); err != nil {
		return "", err
	}
	got, err := b.sendTo(b.last, 1)
	if err != nil {
		return "", err
	}
	switch len(got) {
	case 4:
		return Yes, nil
	case 3:
		return No, nil
	}
	return "", fmt.Errorf("%d packets of one that was doubled twice", len(got))
}

func askOrder(b *bench) (string, error) {
	if err := b.add(netem.Qdisc{Latency: 50 * step, Jitter: 40 * step, Rate: &netem.Rate{BytesPerSecond: 1 << 62}, Limit: limit}); err != nil {
		return "", err
	}
	got, err := b.send(40)
	if err != nil {
		return "", err
	}
	for i, a := range got {
		if a.number != i {
			return No, nil
		}
	}
	return yes(len(got) == 40), nil
}

func askModels(b *bench) (string, error) {
	for _, c := range []struct {
		model netem.LossModel
		want  string
	}{
		// Good and bad in turn, beginning with good; nothing is lost in the good state and all in the bad one.
		{netem.GilbertElliott{ToBad: netem.All, ToGood: netem.All, LossBad: netem.All}, "0 2 4 6 8"},
		{netem.GilbertElliott{ToBad: netem.All, ToGood: netem.All, LossGood: netem.All}, "1 3 5 7 9"},
		// A burst of one begins at once, and ends with a packet that arrives.
		{netem.FourState{P13: netem.All, P31: netem.All, P23: netem.All}, "1 3 5 7 9"},
		{netem.FourState{P14: netem.All, P31: netem.All, P23: netem.All}, "1 3 5 7 9"},
		// In the burst: lost, received within it, lost again.
		{netem.FourState{P13: netem.All, P32: netem.All, P23: netem.All}, "1 3 5 7 9"},
	} {
		if err := b.add(netem.Qdisc{Model: c.model, Limit: limit}); err != nil {
			return "", err
		}
		got, err := b.send(10)
		if err != nil {
			return "", err
		}
		if numbers(got) != c.want {
			return No, nil
		}
	}
	return Yes, nil
}

func askLimit(b *bench) (string, error) {
	if err := b.add(netem.Qdisc{Latency: 5 * step, Limit: 3}); err != nil {
		return "", err
	}
	got, err := b.sendKeeping(10)
	if err != nil {
		return "", err
	}
	s, ok, err := b.read()
	if err != nil || !ok {
		return "", errors.Join(err, errors.New("read netem back: it is gone"))
	}
	return yes(len(got) == 3 && s.Drops == 7 && s.Overlimits == 0), b.remove()
}
