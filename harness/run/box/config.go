package box

import (
	"time"

	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/status"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Role is the agent role of a box. Its configuration is a [Config], its result a [Report].
const Role = "box"

// Config says what a box is.
type Config struct {
	// Node is the node's name, and the host name that programs see.
	Node string `json:"node"`
	// Root is the directory of the image.
	Root string `json:"root"`
	// Image is what the image says of programs.
	Image protocol.Defaults `json:"image"`
	// Layer is the most that programs may write, bytes.
	Layer int64 `json:"layer"`
	// Hosts has the address of each other node that can be reached.
	Hosts []Host `json:"hosts"`
	// Files are written on top of the image: path and text.
	Files map[string]string `json:"files,omitempty"`
	// Programs in the order in which they start. Those with At start when the run has come to it.
	Programs []scenario.Program `json:"programs"`
	// Clients is how many of the last programs are clients, which may end by themselves.
	Clients int `json:"clients"`
	// Status are the programs whose status is read.
	Status []Status `json:"status,omitempty"`
	// Duration of the measured window.
	Duration time.Duration `json:"duration"`
	// Events is the file in which the kernel counts what it ended in the node for lack of memory: memory.events of its
	// control group.
	Events string `json:"events"`
}

// Host is a line of /etc/hosts.
type Host struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Report says what became of the programs, in their order.
type Report struct {
	Programs []Outcome `json:"programs"`
	// Killed is how many processes the kernel ended for lack of memory, besides programs; Outcome.OOM tells of those.
	Killed int64 `json:"killed,omitempty"`
	// Status is what was read of the programs' status, in the order of Config.Status.
	Status []status.Log `json:"status,omitempty"`
}

// Outcome is what became of one program. Times are ns of CLOCK_MONOTONIC.
type Outcome struct {
	Name     string `json:"name"`
	Started  int64  `json:"started,omitempty"` // last; 0 if it never was
	Ready    int64  `json:"ready,omitempty"`
	Ended    int64  `json:"ended,omitempty"` // 0 while it runs
	Exit     int    `json:"exit"`            // its last status, or 128 and the signal that ended it
	Signal   string `json:"signal,omitempty"`
	Restarts int    `json:"restarts,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // the box had asked it to end
	OOM      bool   `json:"oom,omitempty"`     // the kernel ended it for lack of memory
	Failed   string `json:"failed,omitempty"`  // why it could not be started
	Output   []Line `json:"output,omitempty"`
	Dropped  int64  `json:"dropped,omitempty"` // bytes of output in the middle that are not in Output
}

// Line is one line of output.
type Line struct {
	At    int64  `json:"at"`
	Error bool   `json:"error,omitempty"` // from standard error
	Text  string `json:"text"`
}
