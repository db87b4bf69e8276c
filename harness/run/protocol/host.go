package protocol

import (
	"encoding/json"

	"github.com/ruleout/ruleout/harness/run/truth"
)

// HostName is the first argument of the guest program's processes on the host, its own name.
const HostName = "ruleout-guest on the host"

// Commands of the guest program on the host.
const (
	Run       = "run"       // an [Order] and a [Draw], a line each, to a stream; ends early when its input does
	Spin      = "spin"      // keeps a processor busy until its input ends
	Kernel    = "kernel"    // a [KernelAnswer], or why this machine cannot make runs
	Netem     = "netem"     // a [NetemQuestion] to a [NetemAnswer]
	Examine   = "examine"   // a list of [Finding]
	Leftovers = "leftovers" // a list of what crashed runs have left
	Clean     = "clean"     // the same, and removes it
)

// AttachmentFD is the file descriptor to which a run on the host writes what was captured: for each ring an
// [Attachment] as a line of JSON, and its content.
const AttachmentFD = 3

// Attachment announces the content of a ring.
type Attachment struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
}

// Answer of a command.
type Answer struct {
	Body  json.RawMessage `json:"body,omitempty"`
	Error *Failure        `json:"error,omitempty"`
}

// KernelAnswer names the host's kernel.
type KernelAnswer struct {
	Release string `json:"release"` // as uname -r prints it
	Machine string `json:"machine"`
}

// NetemQuestion asks what a scenario needs of netem, and what netem does unless that is known.
type NetemQuestion struct {
	Scenario json.RawMessage `json:"scenario"` // canonical
	Known    bool            `json:"known"`
}

// NetemAnswer says what netem does, if it is needed and not known.
type NetemAnswer struct {
	Needed bool          `json:"needed"`
	Report *truth.Report `json:"report,omitempty"`
}

// Finding is one thing about this machine that runs on it need.
type Finding struct {
	Name string `json:"name"`
	// Detail is what was found: a version, a count, the error.
	Detail string `json:"detail"`
	OK     bool   `json:"ok"`
	// Optional findings are good to know; runs do without.
	Optional bool `json:"optional,omitempty"`
	// Broken: it is there and does not work.
	Broken bool   `json:"broken,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// MarkPrefix comes before the protocol's number and a full stop in the file of each guest program.
const MarkPrefix = "ruleout-guest speaks protocol "

// Mark is in the file of each guest program of this protocol: [MarkPrefix] and [Number].
const Mark = MarkPrefix + "3."
