package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
)

// message is one line of the stream from a guest to its host.
type message struct {
	Event  *Event         `json:"event,omitempty"`
	Record *result.Record `json:"record,omitempty"`
	Error  *failure       `json:"error,omitempty"`
}

// failure is an error on its way from a guest to its host, with its kind and hint.
type failure struct {
	Kind    problem.Kind `json:"kind"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

// Draw is what tells one run of a scenario from another.
type Draw struct {
	// Seed of everything that is drawn.
	Seed uint64 `json:"seed"`
}

// Serve is the guest's side of a run in a virtual machine: its payload is a scenario in its canonical
// form. When that is prepared, it calls freeze, which has the machine frozen and returns the payload of each clone:
// a [Draw] as JSON. What it writes is events and then a record or an error, a JSON document
// a line, for [Receive]. It returns the exit status of the guest: 0 when the stream is whole.
//
// Nothing is undone, since the machine ends with it.
func Serve(ctx context.Context, payload []byte, out io.Writer, freeze func() ([]byte, error)) int {
	enc := json.NewEncoder(out)
	record, err := serve(ctx, payload, freeze, func(e Event) { _ = enc.Encode(message{Event: &e}) })
	last := message{Record: record}
	if err != nil {
		last = message{Error: &failure{Kind: problem.KindOf(err), Message: err.Error(), Hint: problem.HintOf(err)}}
	}
	if enc.Encode(last) != nil {
		return 1
	}
	return 0
}

func serve(ctx context.Context, payload []byte, freeze func() ([]byte, error), events func(Event)) (*result.Record, error) {
	p, err := Prepare(ctx, payload, events)
	if err != nil {
		return nil, err
	}
	if payload, err = freeze(); err != nil {
		return nil, fmt.Errorf("freeze the prepared machine: %w", err)
	}
	var draw Draw
	if err := json.Unmarshal(payload, &draw); err != nil {
		return nil, fmt.Errorf("read the run's seed: %w", err)
	}
	return p.Run(ctx, draw.Seed)
}

// ErrNoRecord says that a guest's stream ended before its record.
var ErrNoRecord = errors.New("the guest ended without a record")

// Receive is the host's side of [Serve]: it reads r to its end, calls events as
// they come in (which may be nil) and returns the guest's record or error.
func Receive(r io.Reader, events func(Event)) (*result.Record, error) {
	dec := json.NewDecoder(r)
	for {
		var m message
		err := dec.Decode(&m)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, ErrNoRecord
		case err != nil:
			return nil, fmt.Errorf("read the guest's stream: %w", err)
		case m.Event != nil:
			if events != nil {
				events(*m.Event)
			}
		case m.Error != nil:
			return nil, problem.Wrap(m.Error.Kind, errors.New(m.Error.Message), m.Error.Hint)
		case m.Record != nil:
			return m.Record, nil
		}
	}
}
