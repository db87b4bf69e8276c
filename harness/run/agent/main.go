package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/prefault"
	"github.com/ruleout/ruleout/harness/base/problem"
)

// name is argv[0] of every agent; it is how Main knows one and how ps shows it.
const name = "ruleout-agent"

// Descriptors of an agent, in the order of exec.Cmd.ExtraFiles.
const (
	commandFD = 3
	reportFD  = 4
	tallyFD   = 5 // if there are counters
)

// Main does nothing in an ordinary process. In an agent it runs the role and exits.
// Call it first thing in main and in TestMain.
func Main() {
	if len(os.Args) == 2 && os.Args[0] == name {
		os.Exit(play(os.Args[1]))
	}
}

// play runs a role to its end and returns the exit status.
func play(role string) int {
	signal.Ignore(syscall.SIGINT)
	debug.SetGCPercent(-1) // also set by the environment; a collection could wait for ever, see package socket
	NameThread(role)
	laxMonitor()

	// What a role starts, such as programs of a user's, must not speak for it.
	unix.CloseOnExec(commandFD)
	unix.CloseOnExec(reportFD)
	commands := os.NewFile(commandFD, "commands")
	reports := os.NewFile(reportFD, "reports")
	s := &session{reports: reports, begin: make(chan Beginning, 1), proceed: make(chan struct{}, 1)}
	first, err := receive(commands)
	if err != nil || first.Kind != configMessage {
		fmt.Fprintf(os.Stderr, "%s is started by ruleout, not by hand\n", name)
		return 2
	}
	if first.Tally > 0 {
		if s.tally, err = mapTally(tallyFD, min(first.Tally, tallyLimit)); err == nil {
			err = unix.Close(tallyFD)
		}
		if err != nil {
			return s.fail(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.listen(commands, cancel)

	f, err := lookup(role)
	if err == nil {
		err = prefault.Text()
	}
	if err != nil {
		return s.fail(err)
	}
	result, err := f(ctx, first.Body, s)
	if err != nil {
		return s.fail(err)
	}
	body, err := json.Marshal(result)
	if err != nil {
		return s.fail(fmt.Errorf("encode result: %w", err))
	}
	if err := s.send(message{Kind: resultMessage, Body: body}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// session is the agent's side of the pipes.
type session struct {
	mu      sync.Mutex // one frame at a time
	reports *os.File
	tally   Tally
	begin   chan Beginning
	proceed chan struct{}
}

func (s *session) Ready() {
	if err := s.send(message{Kind: readyMessage}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (s *session) Proceed() <-chan struct{} { return s.proceed }

func (s *session) Tally() Tally { return s.tally }

func (s *session) Begin() <-chan Beginning { return s.begin }

// listen obeys the parent, and ends the process with it.
func (s *session) listen(commands *os.File, stop func()) {
	for {
		m, err := receive(commands)
		if err != nil {
			os.Exit(1) // the parent is gone, and no other process can be told
		}
		switch m.Kind {
		case beginMessage:
			select {
			case s.begin <- m.Begin:
			default: // told twice; the first holds
			}
		case proceedMessage:
			s.proceed <- struct{}{} // there is room: the next comes after the answer
		case stopMessage:
			stop()
		}
	}
}

func (s *session) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return send(s.reports, m)
}

func (s *session) fail(err error) int {
	m := message{Kind: errorMessage, Error: err.Error(), Hint: problem.HintOf(err)}
	if k := problem.KindOf(err); k != problem.Other {
		m.Problem = k
	}
	if err := s.send(m); err != nil {
		fmt.Fprintln(os.Stderr, m.Error)
	}
	return 1
}

// NameThread names the calling thread, which must be locked, and those that it starts, for ps and for traces
// of the kernel. It is cut to 15 bytes.
func NameThread(name string) {
	b := make([]byte, 16) // TASK_COMM_LEN
	copy(b[:15], name)
	_, _, _ = syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0)
}
