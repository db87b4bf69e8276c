package result

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Kind says for programs why a run is invalid. Kinds stay; the texts that go with them may be put better.
type Kind string

// Kinds of reasons.
const (
	FaultDidNotAct    Kind = "fault-did-not-act" // it matched, chose or hit nothing
	NoConnection      Kind = "no-connection"     // an injection's flow had no open connection
	NoTimestamps      Kind = "no-timestamps"     // an injection's connection has none, so a segment cannot be old
	FaultIncomplete   Kind = "fault-incomplete"  // it acted less often than was asked for
	FaultLate         Kind = "fault-late"
	WrongPackets      Kind = "wrong-packets"    // its selector chose others than it should
	DeliveryDiffers   Kind = "delivery-differs" // the counters say something else than what acted
	OutsideInterval   Kind = "outside-interval" // a model of netem's lost a share that chance hardly explains
	FlowsUntracked    Kind = "flows-untracked"  // too many to be told apart
	UnexplainedLoss   Kind = "unexplained-loss" // or gain
	QueueOverflow     Kind = "queue-overflow"   // of a queue without a stated length, or of the machine's backlog
	PacketsWaiting    Kind = "packets-waiting"  // when the run was over
	HeldSocket        Kind = "held-socket"      // a packet on a link may have kept its sender from sending it again
	GeneratorLate     Kind = "generator-late"
	RequestsAbandoned Kind = "requests-abandoned"
	NothingAborted    Kind = "nothing-aborted" // though the load says so
	RecorderLate      Kind = "recorder-late"
	ServiceEnded      Kind = "service-ended"
	ProgramEnded      Kind = "program-ended"  // of a node's image, that may not
	ProgramFailed     Kind = "program-failed" // to start
	MiddleboxIdle     Kind = "middlebox-idle" // a rule matched nothing, or there was nothing to forget
	OutOfMemory       Kind = "out-of-memory"  // the kernel ended a process of a node that may not end
)

// Reason is why a run is invalid.
type Reason struct {
	// Kind is one of the constants, or empty in records of early builds, which have nothing but a text.
	Kind Kind `json:"kind"`
	// Place is what it is about, such as "fault acks", "link a to b", "load[0] from client" or "node web". It is empty
	// if that is the machine.
	Place string `json:"place,omitempty"`
	// Text is one clause for people, without the place and without a full stop.
	Text string `json:"text"`
}

// String is the place and the text.
func (r Reason) String() string {
	if r.Place == "" {
		return r.Text
	}
	return r.Place + ": " + r.Text
}

// MarshalJSON writes an object, and plain text for what an early build wrote so: its record keeps its digest.
func (r Reason) MarshalJSON() ([]byte, error) {
	if r.Kind == "" {
		return json.Marshal(r.Text)
	}
	type object Reason
	return json.Marshal(object(r))
}

// UnmarshalJSON reads both.
func (r *Reason) UnmarshalJSON(b []byte) error {
	*r = Reason{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &r.Text)
	}
	type object Reason
	return json.Unmarshal(b, (*object)(r))
}

// Reasons are all that make a run invalid.
type Reasons []Reason

// Add adds one, with a text that is formatted as by package fmt.
func (rs *Reasons) Add(kind Kind, place, format string, a ...any) {
	*rs = append(*rs, Reason{kind, place, fmt.Sprintf(format, a...)})
}

// String has all of them in one line.
func (rs Reasons) String() string {
	texts := make([]string, len(rs))
	for i, r := range rs {
		texts[i] = r.String()
	}
	return strings.Join(texts, "; ")
}
