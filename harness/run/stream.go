package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
)

// message is one line of the stream from a guest to its host.
type message struct {
	Event  *Event         `json:"event,omitempty"`
	Record *result.Record `json:"record,omitempty"`
	Taken  *capture.Taken `json:"taken,omitempty"` // with the record, if packets were captured
	Error  *failure       `json:"error,omitempty"`
}

// failure is an error on its way from a guest to its host, with its kind and hint.
type failure struct {
	Kind    problem.Kind `json:"kind"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Place   string       `json:"place,omitempty"`
}

// Draw is what tells one run of a scenario from another.
type Draw struct {
	// Seed of everything that is drawn.
	Seed uint64 `json:"seed"`
}

// Host is what a guest needs of its host; it is that of package guest.
type Host interface {
	io.Writer
	// Freeze has the machine frozen, and returns the payload of each clone of it.
	Freeze() ([]byte, error)
	// Attach hands over size bytes of a file that can be mapped.
	Attach(name string, file int, offset, size int64) error
}

// Serve is the guest's side of a run in a virtual machine: its payload is an [Order] as JSON. When that is
// prepared, it has the machine frozen and gets the payload of each clone: a [Draw] as JSON. What it writes is
// events and then a record or an error, a JSON document a line, for [Receive]; what was captured it
// attaches, by the names of [RingName]. It returns the exit status of the guest: 0 when the stream is whole.
//
// Nothing is undone, since the machine ends with it.
func Serve(ctx context.Context, payload []byte, host Host) int {
	enc := json.NewEncoder(host)
	record, taken, err := serve(ctx, payload, host, func(e Event) { _ = enc.Encode(message{Event: &e}) })
	last := message{Record: record, Taken: taken}
	if err != nil {
		last = message{Error: &failure{Kind: problem.KindOf(err), Message: err.Error(), Hint: problem.HintOf(err), Place: problem.PlaceOf(err)}}
	}
	if enc.Encode(last) != nil {
		return 1
	}
	return 0
}

func serve(ctx context.Context, payload []byte, host Host, events func(Event)) (*result.Record, *capture.Taken, error) {
	var order Order
	if err := json.Unmarshal(payload, &order); err != nil {
		return nil, nil, fmt.Errorf("read the order of a run: %w", err)
	}
	p, err := Prepare(ctx, order, events)
	if err != nil {
		return nil, nil, err
	}
	if payload, err = host.Freeze(); err != nil {
		return nil, nil, fmt.Errorf("freeze the prepared machine: %w", err)
	}
	var draw Draw
	if err := json.Unmarshal(payload, &draw); err != nil {
		return nil, nil, fmt.Errorf("read the run's seed: %w", err)
	}
	record, err := p.Run(ctx, draw.Seed)
	if err != nil {
		return nil, nil, err
	}
	taken, rings, err := p.Captured()
	for i, r := range rings {
		err = errors.Join(err, host.Attach(RingName(i), r.File, r.Offset, r.Size))
	}
	return record, taken, err
}

// RingName is the name under which what was captured on a link is attached.
func RingName(link int) string { return fmt.Sprintf("ring %d", link) }

// RingLink is the link to which a name of [RingName] belongs.
func RingLink(name string) (link int, err error) {
	if _, err := fmt.Sscanf(name, "ring %d", &link); err != nil {
		return 0, fmt.Errorf("an attachment %q: %w", name, err)
	}
	return link, nil
}

// ErrNoRecord says that a guest's stream ended before its record.
var ErrNoRecord = errors.New("the guest ended without a record")

// Receive is the host's side of [Serve]: it reads r to its end, calls events as
// they come in (which may be nil) and returns the guest's record, with what was captured, or error.
func Receive(r io.Reader, events func(Event)) (*result.Record, *capture.Taken, error) {
	dec := json.NewDecoder(r)
	for {
		var m message
		err := dec.Decode(&m)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, nil, ErrNoRecord
		case err != nil:
			return nil, nil, fmt.Errorf("read the guest's stream: %w", err)
		case m.Event != nil:
			if events != nil {
				events(*m.Event)
			}
		case m.Error != nil:
			return nil, nil, &problem.Error{Kind: m.Error.Kind, Err: errors.New(m.Error.Message), Hint: m.Error.Hint, Place: m.Error.Place}
		case m.Record != nil:
			return m.Record, m.Taken, nil
		}
	}
}
