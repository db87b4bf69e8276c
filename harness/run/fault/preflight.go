package fault

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/run/netem"
	"github.com/ruleout/ruleout/harness/scenario"
)

// NeedsNetem reports whether a scenario asks the kernel for netem: a link with a delay or a rate does, and most
// faults do.
func NeedsNetem(s *scenario.Scenario) (bool, error) {
	p, err := newPlan(s)
	if err != nil {
		return false, err
	}
	for _, path := range p.paths {
		if path.last != nil {
			return true, nil
		}
		for _, st := range path.stages {
			if len(st.netems) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// Preflight finds out whether this machine can do faults, by building one in a namespace that no other process sees and
// that is gone when Preflight returns. The error is of kind [problem.Machine], with a hint that names what is missing.
func Preflight() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("open this thread's network namespace: %w", err)
			return
		}
		defer unix.Close(home)
		err = preflight()
		// A thread that does not find its way home ends with the goroutine. The process's first
		// thread cannot end, and it is the one that /proc/self speaks of.
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("try a fault: %w", err)
	}
	return nil
}

func preflight() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return missing(fmt.Errorf("create namespace: %w", err), "", "")
	}
	var undo undo.Stack
	defer func() { err = errors.Join(err, undo.Close()) }()
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink handle: %w", err)
	}
	undo.Push(func() error { handle.Close(); return nil })
	conn, err := netem.Open()
	if err != nil {
		return err
	}
	undo.Push(conn.Close)
	s := &scenario.Scenario{
		Links:  []scenario.Link{{Between: [2]string{"a", "b"}}},
		Faults: []scenario.Fault{{Name: "trial", Link: [2]string{"a", "b"}, From: "a", Do: scenario.Action{Delay: 1}}},
	}
	p, err := newPlan(s)
	if err != nil {
		return err
	}
	w := &Wires{plan: p}
	if w.state, err = openState(p); err != nil {
		return err
	}
	undo.Push(w.state.Close)
	if w.sockets, err = newSockets(1); err != nil {
		return bpfError(err)
	}
	undo.Push(w.sockets.Close)
	if err := w.openKeeper(); err != nil {
		return err
	}
	trial := &wire{name: "trial", handle: handle, conn: conn, undo: &undo}
	pair, err := trial.addPair("a0", stageMTU)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.undo.Close()) }()
	if _, err := trial.fill(&p.paths[0].stages[0], pair); err != nil {
		return err
	}
	program, err := w.stand(role{}, pair, onward{device: pair.in.Index})
	if err != nil {
		return bpfError(err)
	}
	w.undo.Push(program.Close)
	return trial.attach(handle, pair.out.Name, pair.out.Index, ingress, program)
}
