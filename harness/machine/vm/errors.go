package vm

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// ExitError says that the guest function returned something but 0.
type ExitError struct {
	Status int
	// Log is the end of what the guest's processes wrote on standard output and error.
	Log []string
}

func (e *ExitError) Error() string { return fmt.Sprintf("guest: exit status %d", e.Status) }

// PanicError says that the guest's kernel panicked.
type PanicError struct {
	Reason  string   // the kernel's words after "Kernel panic - not syncing:"
	At      string   // the function and offset where it happened; empty when the kernel did not say
	Console []string // what the kernel printed from the first sign of trouble
}

func (e *PanicError) Error() string {
	s := "guest kernel panic: " + e.Reason
	if e.At != "" {
		s += ", at " + e.At
	}
	return s
}

// LimitError says that a clone took too long and how far it got.
type LimitError struct {
	Virtual bool // the limit in the guest's own time, rather than in the host's
	Limit   time.Duration
	Last    []string // the last lines that the guest printed
}

func (e *LimitError) Error() string {
	s := fmt.Sprintf("guest: still running after %v", e.Limit)
	if e.Virtual {
		s += " of its own time"
	} else {
		s += " on the host's clock"
	}
	if len(e.Last) == 0 {
		return s + "; it printed nothing"
	}
	return s + "; the last it printed: " + strings.Join(e.Last, " | ")
}

// GuestError says that the guest could not be set up, or that its process was killed.
type GuestError struct {
	Reason string
	Log    []string
}

func (e *GuestError) Error() string {
	s := "guest: " + e.Reason
	if len(e.Log) > 0 {
		s += "; its last words: " + strings.Join(e.Log, " | ")
	}
	return s
}

// DiedError says that QEMU ended unexpectedly.
type DiedError struct {
	State   string // such as "signal: killed"
	Stderr  string
	Console []string
}

func (e *DiedError) Error() string {
	s := "QEMU ended in mid-run: " + e.State
	if text := strings.TrimSpace(e.Stderr); text != "" {
		s += ": " + strings.ReplaceAll(text, "\n", " | ")
	} else if len(e.Console) > 0 {
		s += "; the console's last lines: " + strings.Join(e.Console, " | ")
	}
	return s
}

// ResetError says that the guest ended the machine by itself: it reset it, or switched it off.
type ResetError struct {
	// Console has the last lines that its kernel printed; none if it printed nothing.
	Console []string
}

func (e *ResetError) Error() string {
	if len(e.Console) == 0 {
		return "the guest reset the machine, and its kernel printed nothing"
	}
	return "the guest reset the machine; the last that its kernel printed: " + strings.Join(e.Console, " | ")
}

var (
	panicLine = regexp.MustCompile(`Kernel panic - not syncing: ([^\r\n]*)`)
	placeLine = regexp.MustCompile(`RIP: [0-9a-f]+:(\S+)`)
	bugLine   = regexp.MustCompile(`\b((?:BUG|kernel BUG|general protection fault|Oops|divide error)[^\r\n]*)`)
)

// findPanic summarises a kernel panic on a console; nil when there is none.
func findPanic(console string) *PanicError {
	m := panicLine.FindStringSubmatch(console)
	if m == nil {
		return nil
	}
	e := &PanicError{Reason: strings.TrimSpace(m[1])}
	begin := panicLine.FindStringIndex(console)[0]
	if at := bugLine.FindStringIndex(console); at != nil {
		begin = min(begin, at[0])
	}
	const most = 60 // lines, of which a stack may take 50
	e.Console = lastLines(console[strings.LastIndexByte(console[:begin], '\n')+1:], math.MaxInt)
	e.Console = e.Console[:min(most, len(e.Console))]
	// The first report is the cause, later ones follow from it.
	if m := bugLine.FindStringSubmatch(console); m != nil && e.Reason != m[1] {
		e.Reason += " (" + strings.TrimSpace(m[1]) + ")"
	}
	for _, m := range placeLine.FindAllStringSubmatch(console, -1) {
		if !strings.HasPrefix(m[1], "0x") { // a bare address is user space
			e.At = m[1]
			break
		}
	}
	return e
}

// failed turns what the guest said into an error; nil when it ended in order or never began.
func (s *story) failed(console string) error {
	if p := findPanic(console); p != nil {
		return p
	}
	if s.failure != "" {
		return &GuestError{Reason: s.failure, Log: lastLines(s.log.String(), 10)}
	}
	return s.err
}

// recent is the end of what a guest printed, for a reader who wonders how far it got.
func (s *story) recent(console string) []string {
	for _, text := range []string{s.log.String(), s.output.String(), console} {
		if lines := lastLines(text, 3); len(lines) > 0 {
			return lines
		}
	}
	return nil
}
