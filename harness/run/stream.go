package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/protocol"
)

// Serve makes a run for a host: its payload is a [protocol.Order] as JSON. When that is prepared, it has the machine
// frozen and gets the payload of each clone: a [protocol.Draw] as JSON. What it writes is events and then a record or
// an error, for [protocol.Receive]; what was captured it attaches, by the names of [protocol.RingName]. It returns the
// exit status of the guest: 0 when the stream is whole.
//
// Nothing is undone, since the machine ends with it. [ServeHost] undoes.
func Serve(ctx context.Context, payload []byte, host protocol.Host) int {
	return served(ctx, payload, host, func(*Prepared) error { return nil })
}

// ServeHost is [Serve] on a machine that goes on afterwards: all that was made is undone before the stream ends.
func ServeHost(ctx context.Context, payload []byte, host protocol.Host) int {
	return served(ctx, payload, host, (*Prepared).Close)
}

func served(ctx context.Context, payload []byte, host protocol.Host, undo func(*Prepared) error) int {
	sender := protocol.NewSender(host)
	record, taken, err := serve(ctx, payload, host, sender.Event, undo)
	if sender.End(record, taken, err) != nil {
		return 1
	}
	return 0
}

func serve(ctx context.Context, payload []byte, host protocol.Host, events func(protocol.Event),
	undo func(*Prepared) error) (_ *result.Record, _ *capture.Taken, err error) {
	var order protocol.Order
	if err := json.Unmarshal(payload, &order); err != nil {
		return nil, nil, fmt.Errorf("read the order of a run: %w", err)
	}
	p, err := Prepare(ctx, order, events)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, undo(p)) }()
	if payload, err = host.Freeze(); err != nil {
		return nil, nil, fmt.Errorf("freeze the prepared machine: %w", err)
	}
	var draw protocol.Draw
	if err := json.Unmarshal(payload, &draw); err != nil {
		return nil, nil, fmt.Errorf("read the run's seed: %w", err)
	}
	record, err := p.Run(ctx, draw.Seed)
	if err != nil {
		return nil, nil, err
	}
	taken, rings, err := p.captured()
	for i, r := range rings {
		err = errors.Join(err, host.Attach(protocol.RingName(i), r.File, r.Offset, r.Size))
	}
	return record, taken, err
}
