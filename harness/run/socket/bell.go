package socket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Bell makes a Wait of its Poll return. Any thread may ring it.
type Bell struct{ pipe [2]int }

// BellSlot is the slot of the events of a bell.
const BellSlot = -2

// Bell adds one to the poll. The caller closes it.
func (p *Poll) Bell() (*Bell, error) {
	b := new(Bell)
	if err := unix.Pipe2(b.pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("create pipe: %w", err)
	}
	if errno := p.Add(FD(b.pipe[0]), Key{Slot: BellSlot}, unix.EPOLLIN); errno != 0 {
		b.Close()
		return nil, fmt.Errorf("watch pipe: %w", errno)
	}
	return b, nil
}

// Ring makes Wait return.
func (b *Bell) Ring() { _, _ = unix.Write(b.pipe[1], []byte{0}) }

// Close frees the bell.
func (b *Bell) Close() {
	_ = unix.Close(b.pipe[0])
	_ = unix.Close(b.pipe[1])
}
