package vm

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// attend waits for the guest to stop itself: because it has output that is too long for the
// port, or because its kernel panicked and knows the device that stops it. It returns nil
// when QEMU ended instead.
func (p *process) attend(output io.Writer) error {
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
		err = p.fetch(h, output)
	case <-p.freezing:
		err = errors.New("the guest asks to be frozen, in a clone that is not prepared for others")
	case <-time.After(stopGrace):
		err = errors.New("the guest stopped itself and did not say why")
	}
	p.kill(nil)
	return err
}

// stopGrace is how long words of the guest may take to arrive that were sent before it
// stopped. Nothing else happens on that way.
const stopGrace = 2 * time.Second

// fetch copies held output out of a stopped guest. Addresses are of the process that is
// running in the guest, which is the one that stopped it.
func (p *process) fetch(h held, output io.Writer) error {
	if output == nil {
		return nil
	}
	err := p.monitor.command("memsave", map[string]any{"val": h.address, "size": h.size, "filename": inherited(fdOutput)}, nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(output, io.NewSectionReader(p.streams.output, 0, int64(h.size)))
	if err == nil && n != int64(h.size) {
		err = fmt.Errorf("%d bytes came instead of %d", n, h.size)
	}
	if err != nil {
		return fmt.Errorf("pass on the guest's output: %w", err)
	}
	return nil
}
