package vm

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// attend waits for the guest to stop itself: because it has output that is too long for the
// port or attached something, or because its kernel panicked and knows the device that stops it. It returns nil
// when QEMU ended instead.
func (p *process) attend(output io.Writer, attachments func(name string) (io.Writer, error)) error {
	err := p.monitor.wait("GUEST_PANICKED", nil)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		p.kill(nil)
		return err
	}
	select {
	case h := <-p.held:
		if err = p.bounded(h); err == nil {
			err = errors.Join(p.fetchAttached(attachments), p.fetch(h, output))
		}
	case <-p.freezing:
		err = errors.New("the guest requests a template in a clone that cannot become one")
	case <-time.After(stopGrace):
		err = errors.New("the guest stopped itself and did not say why")
	}
	p.kill(nil)
	return err
}

// stopGrace is how long words of the guest may take to arrive that were sent before it
// stopped. Nothing else happens on that way.
const stopGrace = 2 * time.Second

// bounded makes sure that what is to be fetched is no more than the guest's memory: there it is, each in a
// place of its own.
func (p *process) bounded(h held) error {
	left := p.memory
	for _, a := range append([]frame.Attached{{Name: "output", Address: h.address, Size: h.size}}, p.attached...) {
		if a.Size > left || a.Address+a.Size < a.Address {
			return fmt.Errorf("the guest says that %q has %d bytes at %#x, more than its memory", a.Name, a.Size, a.Address)
		}
		left -= a.Size
	}
	return nil
}

// fetchAttached copies out what the guest attached.
func (p *process) fetchAttached(to func(name string) (io.Writer, error)) error {
	if to == nil {
		return nil
	}
	for _, a := range p.attached { // complete, since the word of held output came after them
		w, err := to(a.Name)
		if err != nil {
			return err
		}
		if err := p.fetch(held{a.Address, a.Size}, w); err != nil {
			return fmt.Errorf("attachment %s: %w", a.Name, err)
		}
	}
	return nil
}

// piece is how much is fetched at a time, so that a long output does not take up as much memory.
const piece = 4 << 20

// fetch copies held output out of a stopped guest. Addresses are of the process that is
// running in the guest, which is the one that stopped it.
func (p *process) fetch(h held, output io.Writer) error {
	if output == nil {
		return nil
	}
	for at := uint64(0); at < h.size; at += piece {
		size := min(piece, h.size-at)
		err := p.monitor.command("memsave",
			map[string]any{"val": h.address + at, "size": size, "filename": inherited(fdOutput)}, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(output, io.NewSectionReader(p.streams.output, 0, int64(size)))
		if err == nil && n != int64(size) {
			err = fmt.Errorf("%d bytes came instead of %d", n, size)
		}
		if err != nil {
			return fmt.Errorf("pass on the guest's output: %w", err)
		}
	}
	return nil
}
