package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run"
	"github.com/ruleout/ruleout/harness/run/cgroup"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// Host makes runs on the machine's own kernel, in real time.
type Host struct {
	tool    string
	release string
	machine string
	truths  *truth.Report // once a scenario has asked for netem
}

// OpenHost makes sure that this machine can do what all runs ask of it, by trying, before anything is built.
func OpenHost() (*Host, error) {
	if unix.Geteuid() != 0 {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("the host backend needs root"),
			"run it as root, or leave --backend at vm, which needs no rights")
	}
	if err := cgroup.Supported(); err != nil {
		return nil, fmt.Errorf("host backend: %w", err)
	}
	h := new(Host)
	var err error
	if h.tool, err = Tool(); err != nil {
		return nil, err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("read the kernel's name: %w", err)
	}
	h.release = unix.ByteSliceToString(u.Release[:])
	h.machine = fmt.Sprintf("host %s %s", unix.ByteSliceToString(u.Machine[:]), unix.ByteSliceToString(u.Version[:]))
	return h, nil
}

// Run makes one run on this machine's kernel. One run at a time: they would disturb one another.
func (h *Host) Run(ctx context.Context, req Request) (*result.Record, error) {
	p := result.Provenance{Tool: h.tool, Kernel: h.release, Machine: h.machine}
	needs, err := fault.NeedsNetem(req.Scenario)
	if err != nil {
		return nil, err
	}
	if needs {
		if err := h.askNetem(); err != nil {
			return nil, fmt.Errorf("host backend: %w", err)
		}
		if err := h.truths.Check(req.Scenario); err != nil {
			return nil, err
		}
		p.Netem = h.truths.Fingerprint
	}
	order, err := req.order()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	record, err := carryOut(ctx, order, req)
	if err != nil {
		return nil, err
	}
	record.Time.Wall = time.Since(began).Seconds()
	// Real time has no key that determines the outcome; this one names the inputs.
	p.Key = result.Sum([]byte(p.Tool + "\n" + p.Kernel + "\n" + p.Machine))
	return record, seal(record, req, NameHost, p)
}

// askNetem makes sure that the kernel has netem, by trying, and asks what it does. Not every scenario needs it.
func (h *Host) askNetem() (err error) {
	if h.truths != nil {
		return nil
	}
	if err := fault.Preflight(); err != nil {
		return err
	}
	h.truths, err = truth.Ask()
	return err
}

// carryOut makes the run, and hands over what it captured.
func carryOut(ctx context.Context, order run.Order, req Request) (_ *result.Record, err error) {
	p, err := run.Prepare(ctx, order, req.Events)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	record, err := p.Run(ctx, req.Seed)
	if err != nil || req.Capture == nil {
		return record, err
	}
	taken, rings, err := p.Captured()
	if err != nil {
		return nil, err
	}
	req.Capture.Take(taken)
	for i, r := range rings {
		to, err := req.Capture.Ring(i)
		if err != nil {
			return nil, err
		}
		err = r.Content(func(b []byte) error {
			_, err := to.Write(b)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return record, nil
}
