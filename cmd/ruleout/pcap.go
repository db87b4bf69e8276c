package main

import (
	"context"
	"fmt"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/run/capture/pcapng"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
)

// pcapFlags are those of commands that can capture packets.
type pcapFlags struct {
	Pcap    string `help:"Capture the packets of every link, each into a file client--edge.pcapng in this directory. It takes CPU time of the machine, so the run differs from one without it." placeholder:"DIR" type:"path" complete:"dir"`
	Snaplen *int   `help:"Capture at most this many bytes of each packet (default 128, or as in the record); 0 captures whole packets." placeholder:"N"`
}

// open makes sure that captures can be written, and returns where they go; nil if none are asked for. The
// snap length is the given one unless the user names one.
func (f *pcapFlags) open(snap int) (*pcapng.Spool, error) {
	if f.Pcap == "" {
		if f.Snaplen != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("--snaplen without --pcap"), "add --pcap DIR")
		}
		return nil, nil
	}
	if f.Snaplen != nil {
		if snap = *f.Snaplen; snap == 0 {
			snap = capture.Whole
		}
	}
	return pcapng.Open(f.Pcap, snap)
}

// writeCaptures writes the captured packets of a run into files, and notes them. Without a spool it does nothing.
func writeCaptures(ctx context.Context, u *ui, spool *pcapng.Spool, s *scenario.Scenario, r *result.Record) error {
	if spool == nil {
		return nil
	}
	files, err := spool.Write(ctx, s, pcapng.Origin{
		Tool: r.Provenance.Tool, Kernel: r.Provenance.Kernel, Machine: r.Provenance.Machine,
		Backend: r.Backend, Seed: r.Seed, Run: r.Run, Digest: r.Digest,
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		u.note("captured %s  %s", quantity.Plural(f.Packets, "packet"), shorten(f.Path))
	}
	for _, f := range files {
		if f.Lost > 0 {
			u.note("warning: %s is cut short: its ring of %s had no room for the last %s; "+
				"--snaplen %d takes less, --set machine.memory=1GiB makes more room",
				shorten(f.Path), quantity.Bytes(float64(f.Room)), quantity.Plural(f.Lost, "packet"), capture.MinSnap)
		}
	}
	return nil
}
