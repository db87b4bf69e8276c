package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// mostWaiting bounds the leases in the stream.
const mostWaiting = 1 << 16

// makeStream makes the stream of leases, and the consumer from which all workers pull.
func (c *Coordinator) makeStream(ctx context.Context) error {
	_, err := c.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: c.session.Stream(), Subjects: []string{c.session.Subject("work")}, Description: "leases of " + c.Name,
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage, Replicas: 1,
		MaxMsgs: mostWaiting, Discard: jetstream.DiscardNew,
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return queue(err)
	}
	_, err = c.js.CreateOrUpdateConsumer(ctx, c.session.Stream(), jetstream.ConsumerConfig{
		Durable: wire.Consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: c.Silence, MaxAckPending: mostWaiting,
		MemoryStorage: true,
	})
	return queue(err)
}

// queue explains an error of JetStream.
func queue(err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		noResponder(err): // it answers for itself on a subject that nobody else has
		hint = "start the NATS server with JetStream: nats-server -js"
	case full(err):
		hint = "the NATS server is full: give JetStream more memory, or take away streams that nobody needs"
	}
	if hint == "" {
		return unreachable(err)
	}
	return problem.Wrap(problem.Machine, fmt.Errorf("ask the queue: %w", err), hint)
}

// full reports whether a server has no room. The words are those of its errors: their codes are many.
func full(err error) bool {
	words := []string{"insufficient", "maximum", "limits exceeded", "resources exceeded"}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(err.Error(), word) })
}

// clean removes what coordinators left that were killed: streams and object stores of sessions that do not answer.
func (c *Coordinator) clean(ctx context.Context) error {
	names := c.js.StreamNames(ctx)
	left := map[string]wire.Session{}
	for name := range names.Name() {
		if session, ours := wire.SessionOf(name); ours {
			left[name] = session
		}
	}
	if err := names.Err(); err != nil {
		return queue(err)
	}
	for name, session := range left {
		_, err := c.Conn.Request(session.Subject("begin"), nil, briefly)
		if noResponder(err) {
			_ = c.js.DeleteStream(ctx, name) // another coordinator may have been faster
		}
	}
	return nil
}

// watch looks, now and then, whether all is where it should be.
func (c *Coordinator) watch() {
	tick := time.NewTicker(c.Silence / 6)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
			c.call()
			c.audit()
		}
	}
}

// audit asks again for leases that the queue lost. A server may have started anew, without its memory.
func (c *Coordinator) audit() {
	ctx, cancel := context.WithTimeout(c.ctx, c.Silence/3)
	defer cancel()
	stream, err := c.js.Stream(ctx, c.session.Stream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err = c.makeStream(ctx); err == nil {
			c.Note("the queue has lost its leases: they are asked for again")
			c.forgetPlaces()
			stream, err = c.js.Stream(ctx, c.session.Stream())
		}
	}
	if err != nil { // the server is away; the client connects again by itself
		return
	}
	if _, err := stream.Consumer(ctx, wire.Consumer); errors.Is(err, jetstream.ErrConsumerNotFound) {
		if c.makeStream(ctx) != nil { // it went away in the middle of making it
			return
		}
	}
	for _, l := range c.open() {
		seq := l.sequence()
		if seq == 0 { // the server was away
			l.publish(ctx)
			continue
		}
		_, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) && c.lost(l) {
			l.publish(ctx)
		}
	}
}

// forgetPlaces says that no lease is in the stream. Where a new one has others, they would be taken for the old.
func (c *Coordinator) forgetPlaces() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.leases {
		l.seq = 0
	}
}
