package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Number of the protocol. Both ends must have the same.
const Number = 1

// MostMessage bounds a message, in bytes. A record that takes more goes into the object store.
const MostMessage = 768 << 10

// Subjects.
const (
	HelloSubject = "ruleout.hello"
	prefix       = "ruleout."
	// StreamPrefix and BucketPrefix begin the names of a session's stream and object store.
	StreamPrefix = "RULEOUT_"
	BucketPrefix = "RULEOUT-"
	// Consumer is the name of what all workers pull from.
	Consumer = "workers"
)

// Session is the id of a coordinator: it names subjects, stream and object store.
type Session string

// Subject returns the session's subject for a kind of message: work, begin, outcome, parcel, beat, over.
func (s Session) Subject(kind string) string { return prefix + string(s) + "." + kind }

// Check returns the subject of runs that a worker is to make, too.
func (s Session) Check(worker string) string { return s.Subject("check." + worker) }

// Stream returns the name of the stream of leases, Bucket that of the object store.
func (s Session) Stream() string { return StreamPrefix + string(s) }

// Bucket returns the name of the object store.
func (s Session) Bucket() string { return BucketPrefix + string(s) }

// session is what the ids of sessions look like.
var session = regexp.MustCompile(`^[0-9a-f]{16}$`)

// SessionOf returns the session that a stream of the server belongs to: that of leases, or of an object store.
func SessionOf(stream string) (s Session, ok bool) {
	id, ok := strings.CutPrefix(stream, StreamPrefix)
	if !ok {
		id, ok = strings.CutPrefix(stream, "OBJ_"+BucketPrefix)
	}
	return Session(id), ok && session.MatchString(id)
}

// name is what a session's or a worker's id looks like: it becomes a part of subjects.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckName reports whether an id may become a part of subjects.
func CheckName(id string) error {
	if !name.MatchString(id) {
		return fmt.Errorf("%.70q is not 1 to 64 letters, digits, - and _", id)
	}
	return nil
}

// Hello is what a worker says of itself.
type Hello struct {
	Number int    `json:"number"` // of the protocol
	Worker string `json:"worker"` // its id, see [CheckName]
	// Host is the name of its machine, CPU the processor's, Version that of its ruleout.
	Host    string `json:"host"`
	CPU     string `json:"cpu"`
	Version string `json:"version"`
	// Guest and QEMU are "sha256:…" of the programs that act in its runs.
	Guest string `json:"guest"`
	QEMU  string `json:"qemu"`
	// Slots is how many runs it makes at a time.
	Slots int `json:"slots"`
}

// Welcome is a coordinator's answer.
type Welcome struct {
	Number  int     `json:"number"`
	Session Session `json:"session"`
	Name    string  `json:"name"` // of what is made: a campaign's
	// Refused says why the worker cannot take part.
	Refused *Trouble `json:"refused,omitempty"`
	// Silence is the time without a sign of life after which a lease goes to another worker; at least a second.
	Silence time.Duration `json:"silence"`
}

// Lease is an arm with seeds, which a worker runs one after the other.
type Lease struct {
	ID uint64 `json:"id"`
	// Scenario is the canonical form, Hash its hash, Set how it differs from its file.
	Scenario json.RawMessage   `json:"scenario"`
	Hash     string            `json:"hash"`
	Set      map[string]string `json:"set,omitempty"`
	// Kernel is "sha256:…" of the kernel, Release what it calls itself.
	Kernel  string `json:"kernel"`
	Release string `json:"release"`
	// Images are "sha256:…" of those that nodes have, by their names in the scenario.
	Images map[string]string `json:"images,omitempty"`
	Seeds  []uint64          `json:"seeds"`
}

// Begin says that a worker has got a lease.
type Begin struct {
	Worker string `json:"worker"`
	Lease  uint64 `json:"lease"`
	// Try is another text each time that a lease is got, so that a question that is asked again counts once.
	Try string `json:"try"`
	// Back says that the worker gives the lease back because it stops: it is not the run that stopped it. No answer.
	Back bool `json:"back,omitempty"`
}

// Left is what is left of a lease: indices of its seeds. There may be none.
type Left struct {
	Seeds []int `json:"seeds"`
	// Unknown says that the coordinator does not know the worker, which has to give the lease back and say hello again.
	Unknown bool `json:"unknown,omitempty"`
}

// Outcome is what came of a run. The record follows it in the message, compressed; or it is in the object store.
type Outcome struct {
	Worker string `json:"worker"`
	Lease  uint64 `json:"lease"`
	Index  int    `json:"index"` // of the seed in the lease
	Seed   uint64 `json:"seed"`
	// Check says that the run was made to be compared.
	Check bool `json:"check,omitempty"`
	// Object has the record, if it is too large for a message.
	Object string `json:"object,omitempty"`
	// Trouble is set if there is no record.
	Trouble *Trouble `json:"trouble,omitempty"`
}

// Answer says how a worker goes on.
type Answer struct {
	// Stop the lease: nobody waits for what is left of it.
	Stop bool `json:"stop,omitempty"`
	// Again says that the object store does not have the record, and that the worker has to put it there once more.
	Again bool `json:"again,omitempty"`
	// Unknown says that the coordinator does not know the worker, which has to say hello again.
	Unknown bool `json:"unknown,omitempty"`
	// Leave the session, because of the trouble.
	Leave *Trouble `json:"leave,omitempty"`
}

// Kinds of what a worker may lack.
const (
	Kernel = "kernel"
	Image  = "image"
)

// Want names what a worker lacks.
type Want struct {
	Kind string `json:"kind"` // [Kernel] or [Image]
	Hash string `json:"hash"` // "sha256:…"
}

// Parcel says where a worker finds it.
type Parcel struct {
	Object  string   `json:"object"` // in the session's object store
	Trouble *Trouble `json:"trouble,omitempty"`
}

// Beat is a worker's sign of life.
type Beat struct {
	Worker string `json:"worker"`
	Slots  int    `json:"slots"` // 0 when it leaves
	// Holds are the leases that it works on.
	Holds []uint64 `json:"holds,omitempty"`
	// Why it leaves.
	Why string `json:"why,omitempty"`
}

// Trouble is an error on its way.
type Trouble struct {
	Kind  problem.Kind `json:"kind"`
	Text  string       `json:"text"`
	Hint  string       `json:"hint,omitempty"`
	Place string       `json:"place,omitempty"`
}

// mostText bounds what a trouble says, in bytes.
const mostText = 16 << 10

// TroubleOf takes from an error what can be sent; nil of a nil error.
func TroubleOf(err error) *Trouble {
	if err == nil {
		return nil
	}
	short := func(s string) string { return s[:min(len(s), mostText)] }
	return &Trouble{problem.KindOf(err), short(err.Error()), short(problem.HintOf(err)), short(problem.PlaceOf(err))}
}

// Err returns it as an error, with kind, hint and place.
func (t *Trouble) Err() error {
	if t == nil {
		return nil
	}
	kind := t.Kind
	if kind < problem.Other || kind > problem.Invalid {
		kind = problem.Other
	}
	return &problem.Error{Kind: kind, Err: errors.New(t.Text), Hint: t.Hint, Place: t.Place}
}

// Pack encodes a message. What is too large is an error.
func Pack(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err == nil && len(b) > MostMessage {
		err = fmt.Errorf("a message of %d bytes; at most %d are sent", len(b), MostMessage)
	}
	return b, err
}

// Unpack decodes a message.
func Unpack(b []byte, v any) error {
	if len(b) > MostMessage {
		return fmt.Errorf("a message of %d bytes; at most %d are read", len(b), MostMessage)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("not a message of ruleout: %w", err)
	}
	return nil
}
