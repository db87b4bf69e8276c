package result

import "strconv"

// Program is what became of a program of a node's image. Times are in s after the start of the measured window, and
// negative before it.
type Program struct {
	Node string `json:"node"`
	Name string `json:"name"`
	// Started is when it was started last; absent if it never was.
	Started *float64 `json:"started,omitempty"`
	// Ready is when it could be relied on, of programs that start before the run.
	Ready *float64 `json:"ready,omitempty"`
	// Ended is when it ended last; absent if it ran to the end of the run.
	Ended *float64 `json:"ended,omitempty"`
	// Exit is its last exit status, or 128 and the number of the signal that ended it.
	Exit     int    `json:"exit"`
	Signal   string `json:"signal,omitempty"` // such as SIGSEGV
	Restarts int    `json:"restarts,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // it was asked to end
	OOM      bool   `json:"oom,omitempty"`     // the kernel ended it for lack of memory
	Failed   string `json:"failed,omitempty"`  // why it could not be started
	// Status says how the readings of its status went; absent if it has none, or is off.
	Status *ProgramStatus `json:"status,omitempty"`
	// Output is the beginning and the end of what it wrote, at most 32 kB each.
	Output  []Line `json:"output,omitempty"`
	Dropped int64  `json:"dropped,omitempty"` // bytes in the middle that are not in Output
}

// ProgramStatus is how the readings of a program's status went.
type ProgramStatus struct {
	Readings int `json:"readings"`         // that there are
	Missed   int `json:"missed,omitempty"` // that there are not
	// Because says why the first of these is missing or, if there are no readings at all, why that is so.
	Because string `json:"because,omitempty"`
}

// Line is a line of a program's output.
type Line struct {
	At    float64 `json:"at"`
	Error bool    `json:"error,omitempty"` // it was written to standard error
	Text  string  `json:"text"`
}

// How says how the program ended or that it still ran.
func (p *Program) How() string {
	switch {
	case p.Failed != "":
		return "could not be started: " + p.Failed
	case p.Started == nil:
		return "was not started"
	case p.Ended == nil:
		return "ran to the end"
	case p.OOM:
		return "ended by " + p.Signal + " of the kernel, for lack of memory,"
	case p.Signal != "":
		return "ended by " + p.Signal
	}
	return "ended with status " + strconv.Itoa(p.Exit)
}
