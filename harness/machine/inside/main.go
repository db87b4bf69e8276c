package inside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/ruleout/ruleout/harness/machine/vm/guest"
	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/agent"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/truth"
	"github.com/ruleout/ruleout/harness/run/truth/inquiry"
)

// Main makes this process what it was started for, and ends it.
func Main() {
	Init()
	Host()
	fmt.Fprintln(os.Stderr, protocol.Mark+"\nruleout starts this program; it does nothing by itself. See ruleout --help.")
	os.Exit(2)
}

// Host never returns in a process that the command has started on the host.
func Host() {
	if os.Args[0] != protocol.HostName {
		return
	}
	// The first thread stays main's own. Code that changes a thread's namespace and lets the thread
	// end with it would otherwise change /proc/self for good, since this thread never ends.
	runtime.LockOSThread()
	os.Exit(command(os.Args[1:]))
}

// Init never returns in the processes of a guest, and on a node: the first process of a machine, and agents. It comes
// first in main.
func Init() {
	agent.Main()
	if guest.IsInit() {
		guest.Main(func(ctx context.Context, payload []byte, host guest.Host) int {
			if string(payload) == truth.Payload {
				return inquiry.Serve(host)
			}
			return run.Serve(ctx, payload, host)
		}, run.Rehearse)
	}
}

// commands on the host. Each answers with a [protocol.Answer] on standard output, but for run and spin.
var commands = map[string]func(ctx context.Context) (any, error){
	protocol.Kernel:    kernel,
	protocol.Netem:     askNetem,
	protocol.Examine:   examine,
	protocol.Leftovers: func(context.Context) (any, error) { return leftovers(false) },
	protocol.Clean:     func(context.Context) (any, error) { return leftovers(true) },
}

func command(args []string) int {
	// Of the terminal's Ctrl-C the command hears too, and closes standard input when it is done with it. A command that
	// is gone breaks the pipe of standard output, which must not end this process before it has undone what it made.
	// The signals are caught and not ignored, since what is ignored stays so in agents.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(args) == 1 {
		switch args[0] {
		case protocol.Run:
			return runOnHost(ctx)
		case protocol.Spin:
			return spin(ctx)
		}
		if f, ok := commands[args[0]]; ok {
			body, err := f(ctx)
			return answer(os.Stdout, body, err)
		}
	}
	// The mark is in the file of each program that has this function, so that the command knows one without running it.
	return answer(os.Stdout, nil, fmt.Errorf("%s It has no command %q", protocol.Mark, args))
}

// answer writes what a command found, or why it did not.
func answer(w io.Writer, body any, err error) int {
	a := protocol.Answer{Error: protocol.NewFailure(err)}
	if err == nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 1
		}
		a.Body = raw
	}
	if json.NewEncoder(w).Encode(a) != nil {
		return 1
	}
	return 0
}

// untilClosed returns a context that ends when standard input does: the command that started this process is gone, or
// wants no more of it.
func untilClosed(ctx context.Context, in io.Reader) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel(errors.New("interrupted"))
	}()
	return ctx, cancel
}
