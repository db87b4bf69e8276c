package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
)

// message is one line of the stream.
type message struct {
	Event  *Event         `json:"event,omitempty"`
	Record *result.Record `json:"record,omitempty"`
	Taken  *capture.Taken `json:"taken,omitempty"` // with the record, if packets were captured
	Error  *Failure       `json:"error,omitempty"`
}

// Failure is an error on its way from one program to the other, with its kind, hint and place.
type Failure struct {
	Kind    problem.Kind `json:"kind"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Place   string       `json:"place,omitempty"`
}

// NewFailure returns the failure that stands for an error, or nil for nil.
func NewFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{Kind: problem.KindOf(err), Message: err.Error(), Hint: problem.HintOf(err),
		Place: problem.PlaceOf(err)}
}

// Err returns the error that the failure stands for; that of nil is nil.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	return &problem.Error{Kind: f.Kind, Err: errors.New(f.Message), Hint: f.Hint, Place: f.Place}
}

// Sender writes a stream.
type Sender struct{ enc *json.Encoder }

// NewSender returns a sender to w.
func NewSender(w io.Writer) Sender { return Sender{json.NewEncoder(w)} }

// Event sends an event. The stream's end tells whether it arrived.
func (s Sender) Event(e Event) { _ = s.enc.Encode(message{Event: &e}) }

// End sends the last message: the record and what was captured, or the error if there is one.
func (s Sender) End(record *result.Record, taken *capture.Taken, err error) error {
	last := message{Record: record, Taken: taken}
	if err != nil {
		last = message{Error: NewFailure(err)}
	}
	return s.enc.Encode(last)
}

// ErrNoRecord says that a stream ended before its record.
var ErrNoRecord = errors.New("the guest ended without a record")

// Receive reads a stream to its end, calls events as they come in (which may be nil) and returns the record, with
// what was captured, or the error that the other program sent.
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
			return nil, nil, m.Error.Err()
		case m.Record != nil:
			return m.Record, m.Taken, nil
		}
	}
}
