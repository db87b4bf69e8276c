package capture_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/guest"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/fault"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/topology"
	"github.com/ruleout/ruleout/harness/scenario"
)

// The test binary is the guest's init too. Unlike those of package fault these tests run on the
// host: what is captured in a guest is made into files and decoded here, where that costs little.
func TestMain(m *testing.M) {
	if guest.IsInit() {
		guest.Main(laboratory)
	}
	os.Exit(m.Run())
}

// order is what a guest is asked to do.
type order struct {
	Scenario json.RawMessage // in its canonical form: two nodes, a and b, and a link
	Seed     uint64
	Snap     int
	// Crafted is how many made-up frames of each kind a sends; without them there is real traffic.
	Crafted int
}

// outcome is what comes back, beside the rings.
type outcome struct {
	Taken    *capture.Taken
	Receipts []result.Receipt
	Because  result.Reasons
	Err      string
}

// laboratory is what happens in a guest.
func laboratory(ctx context.Context, payload []byte, host guest.Host) int {
	o, err := experiment(ctx, payload, host)
	if err != nil {
		o.Err = err.Error()
	}
	if err := json.NewEncoder(host).Encode(o); err != nil {
		return 1
	}
	return 0
}

func experiment(ctx context.Context, payload []byte, host guest.Host) (out outcome, err error) {
	var o order
	if err := json.Unmarshal(payload, &o); err != nil {
		return out, err
	}
	s, err := scenario.FromCanonical(o.Scenario)
	if err != nil {
		return out, err
	}
	n, err := topology.Build(ctx, s)
	if err != nil {
		return out, err
	}
	w, err := fault.InstallCapturing(ctx, n, s, fault.Capture{Snap: o.Snap, Memory: capture.Memory(s)})
	if err != nil {
		return out, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return out, err
	}
	if err := w.Arm(now.Nano(), o.Seed); err != nil {
		return out, err
	}
	if o.Crafted > 0 {
		err = sendCrafted(n, o)
	} else {
		err = talk(ctx, n)
	}
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if out.Receipts, out.Because, err = w.Receipts(ctx); err != nil {
		return out, err
	}
	var rings []fault.Ring
	if out.Taken, rings, err = w.Captured(now.Nano()); err != nil {
		return out, err
	}
	for i, r := range rings {
		err = errors.Join(err, host.Attach(protocol.RingName(i), r.File, r.Offset, r.Size))
	}
	if err != nil {
		return out, fmt.Errorf("hand over what was captured: %w", err)
	}
	return out, nil
}
