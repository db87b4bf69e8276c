package inquiry

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// asks has how each of [truth.Questions] is asked.
var asks = map[string]func(*bench) (string, error){
	"seed":              askSeed,
	"reseed":            askReseed,
	"state-gap":         askGap,
	"duplicate-refused": askDuplicate,
	"in-order":          askOrder,
	"loss-models":       askModels,
	"limit-drops":       askLimit,
	"copies-copied":     askCopies,
}

func yes(b bool) string {
	if b {
		return truth.Yes
	}
	return truth.No
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
				return truth.No, b.remove()
			}
			return "", err
		}
		got, err := b.send(1)
		if err != nil {
			return "", err
		}
		if (len(got) == 0) != c.lost {
			return truth.Unknown, nil
		}
	}
	return truth.Yes, nil
}

func askReseed(b *bench) (string, error) {
	if b.knows("seed") != truth.Yes {
		return truth.Unknown, nil
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
	if b.knows("seed") != truth.Yes {
		return truth.Unknown, nil // no number can be put on a boundary
	}
	seed := uint64(7)
	boundary := netem.Share(newStream(seed).next())
	// The first number is on the boundary of p14 and p13, which together are 100 %: lost by the one or the other.
	if err := b.add(netem.Qdisc{Model: netem.FourState{P14: boundary, P13: netem.All - boundary, P31: netem.All,
		P23: netem.All}, Limit: limit, Seed: &seed}); err != nil {
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
	if err := b.conn.Add(b.near.Index, netem.Handle(2, 0), netem.Handle(1, 1),
		netem.Qdisc{Latency: 1, Limit: limit}); err != nil {
		return "", err
	}
	err = b.conn.Add(b.near.Index, netem.Handle(3, 0), netem.Handle(1, 2), netem.Qdisc{Duplicate: netem.All, Limit: limit})
	if errors.Is(err, unix.EINVAL) {
		return truth.Yes, nil
	}
	return truth.No, err
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
		return truth.Yes, nil
	case 3:
		return truth.No, nil
	}
	return "", fmt.Errorf("%d packets of one that was doubled twice", len(got))
}

func askOrder(b *bench) (string, error) {
	if err := b.add(netem.Qdisc{Latency: 50 * step, Jitter: 40 * step, Rate: &netem.Rate{BytesPerSecond: 1 << 62},
		Limit: limit}); err != nil {
		return "", err
	}
	got, err := b.send(40)
	if err != nil {
		return "", err
	}
	for i, a := range got {
		if a.number != i {
			return truth.No, nil
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
			return truth.No, nil
		}
	}
	return truth.Yes, nil
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
