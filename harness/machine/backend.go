package machine

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Version of the harness, kept in step with CHANGELOG.md.
const Version = "0.1.0"

// Names of the backends.
const (
	NameVM   = "vm"
	NameHost = "host"
)

// Request is one run to be made.
type Request struct {
	Scenario *scenario.Scenario
	Set      map[string]string // --set, as it was spelt; for the record only
	Seed     uint64
	Backend  string // [NameVM], the default, or [NameHost]
	Kernel   string // name of a kernel in the store; empty for the default one
	// Capture gets the packets of all wires; nil captures none.
	Capture *pcapng.Spool
	// Events reports what happens while it happens, one event at a time. It may be nil.
	Events func(protocol.Event)
}

// Run makes one run in the backend that the request names. For many runs, open a [VM] or a [Host] once.
func Run(ctx context.Context, req Request) (*result.Record, error) {
	switch req.Backend {
	case NameVM, "":
		v, err := OpenVM(ctx, VMOptions{Kernel: req.Kernel})
		if err != nil {
			return nil, err
		}
		return v.Run(ctx, req)
	case NameHost:
		h, err := OpenHost(ctx)
		if err != nil {
			return nil, err
		}
		return h.Run(ctx, req)
	}
	return nil, problem.Wrap(problem.Usage, fmt.Errorf("unknown backend %q", req.Backend),
		"the backends are vm and host")
}

// order is what is to be run for the request.
func (r *Request) order() (protocol.Order, error) {
	canonical, err := r.Scenario.Canonical()
	if err != nil {
		return protocol.Order{}, fmt.Errorf("encode scenario: %w", err)
	}
	o := protocol.Order{Scenario: canonical}
	if r.Capture != nil {
		o.Snap = r.Capture.Snap()
	}
	return o, nil
}

// seal checks that the record answers the request, and adds what only the caller of package run knows.
func seal(record *result.Record, req Request, backend string, p result.Provenance) error {
	if hash := req.Scenario.Hash(); record.Scenario.Hash != hash || record.Seed != req.Seed {
		return fmt.Errorf("the record is of scenario %s, seed %d, not of %s, seed %d, as requested",
			result.Short(record.Scenario.Hash), record.Seed, result.Short(hash), req.Seed)
	}
	record.Scenario.Set = req.Set
	record.Schema = result.Schema
	record.Backend = backend
	if req.Capture != nil {
		// It takes CPU time, so it is part of what determines the outcome.
		p.Capture = req.Capture.Snap()
		p.Key = result.Sum(fmt.Appendf(nil, "%s\ncapture %d\n", p.Key, p.Capture))
	}
	record.Provenance = p
	record.Run = result.RunID(p.Key, record.Scenario.Hash, record.Seed)
	digest, err := record.ComputeDigest()
	if err != nil {
		return err
	}
	record.Digest = digest
	return nil
}
