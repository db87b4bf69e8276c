package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/run/truth"
)

// Host makes runs on the machine's own kernel, in real time, by the guest program in a process beside this one.
type Host struct {
	guest  string // hash
	kernel protocol.KernelAnswer
	truths *truth.Report // once a scenario has asked for netem
}

// OpenHost makes sure that this machine can do what all runs ask of it, by trying, before anything is built.
func OpenHost(ctx context.Context) (*Host, error) {
	h := new(Host)
	var err error
	if h.guest, err = Guest(); err != nil {
		return nil, err
	}
	return h, ask(ctx, protocol.Kernel, nil, &h.kernel)
}

// Run makes one run on this machine's kernel. One run at a time: they would disturb one another.
func (h *Host) Run(ctx context.Context, req Request) (*result.Record, error) {
	order, err := req.order()
	if err != nil {
		return nil, err
	}
	p := result.Provenance{Tool: Version, Guest: h.guest, Kernel: h.kernel.Release, Machine: h.kernel.Machine}
	var netem protocol.NetemAnswer
	if err := ask(ctx, protocol.Netem, protocol.NetemQuestion{Scenario: order.Scenario, Known: h.truths != nil},
		&netem); err != nil {
		return nil, err
	}
	if netem.Report != nil {
		h.truths = netem.Report
	}
	if netem.Needed {
		if err := h.truths.Check(req.Scenario); err != nil {
			return nil, err
		}
		p.Netem = h.truths.Fingerprint
	}
	began := time.Now()
	record, err := carryOut(ctx, order, req)
	if err != nil {
		return nil, err
	}
	record.Time.Wall = time.Since(began).Seconds()
	// Real time has no key that determines the outcome; this one names the inputs.
	p.Key = result.Sum([]byte(p.Guest + "\n" + p.Kernel + "\n" + p.Machine))
	return record, seal(record, req, NameHost, p)
}

// carryOut has the guest program make the run, and takes what it captured.
func carryOut(ctx context.Context, order protocol.Order, req Request) (record *result.Record, err error) {
	input, err := order.Marshal()
	if err != nil {
		return nil, err
	}
	draw, err := json.Marshal(protocol.Draw{Seed: req.Seed})
	if err != nil {
		return nil, fmt.Errorf("encode the run's seed: %w", err)
	}
	cmd, err := guestCommand(ctx, protocol.Run)
	if err != nil {
		return nil, err
	}
	attached, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("create pipe: %w", err)
	}
	defer attached.Close()
	cmd.ExtraFiles = []*os.File{theirs} // file descriptor 3, as [protocol.AttachmentFD] says
	stdin, err := cmd.StdinPipe()       // stays open as long as the run is wanted
	if err != nil {
		return nil, errors.Join(err, theirs.Close())
	}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = &limited{writer, streamLimit}, os.Stderr
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", guestName, err)
	}
	var rings error
	var others sync.WaitGroup
	others.Go(func() { rings = receiveRings(attached, req) })
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = writer.Close()
		ended <- err
	}()
	_, err = stdin.Write(append(input, append(draw, '\n')...))
	record, taken, received := protocol.Receive(reader, req.Events)
	_, _ = io.Copy(io.Discard, reader)
	failed := <-ended
	others.Wait()
	switch {
	case received == nil:
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(received, protocol.ErrNoRecord):
		return nil, errors.Join(received, failed, err)
	default:
		return nil, received
	}
	if req.Capture != nil {
		req.Capture.Take(taken)
	}
	return record, rings
}

// receiveRings takes what a run captured, until it ends.
func receiveRings(from io.Reader, req Request) error {
	r := bufio.NewReaderSize(from, 64<<10)
	// Whatever is wrong, the run must not wait for its reader.
	defer func() { _, _ = io.Copy(io.Discard, r) }()
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		var a protocol.Attachment
		if err == nil {
			err = json.Unmarshal(line, &a)
		}
		if err != nil {
			return fmt.Errorf("read the captured packets: %w", err)
		}
		if req.Capture == nil {
			return fmt.Errorf("an unexpected attachment: %s", a.Name)
		}
		link, err := protocol.RingLink(a.Name)
		if err != nil {
			return err
		}
		to, err := req.Capture.Ring(link)
		if err == nil {
			_, err = io.CopyN(to, r, a.Size)
		}
		if err != nil {
			return fmt.Errorf("take the captured packets: %w", err)
		}
	}
}
