package guest

import (
	"encoding/json"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// attachment is content that the host fetches out of the guest's memory.
type attachment struct {
	Name string `json:"name"`
	// File, Offset and Size are where it is in the worker.
	File   int   `json:"file"`
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// attached is an attachment that is mapped.
type attached struct {
	frame.Attached
	data []byte
}

// attach maps a file of the worker into the supervisor, in whose address space the
// machine stops. (pidfd_getfd is of Linux 5.6.)
func (s *supervisor) attach(data []byte) error {
	var a attachment
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("attach a file: %w", err)
	}
	made := attached{Attached: frame.Attached{Name: a.Name, Size: uint64(a.Size)}}
	if a.Size > 0 {
		m, err := s.mapped(a)
		if err != nil {
			return fmt.Errorf("attach %s: %w", a.Name, err)
		}
		made.data, made.Address = m, uint64(uintptr(unsafe.Pointer(unsafe.SliceData(m))))
	}
	s.attached = append(s.attached, made)
	return nil
}

// mapped maps it with all of its pages, since only the host will touch them.
func (s *supervisor) mapped(a attachment) ([]byte, error) {
	worker, err := unix.PidfdOpen(s.worker, 0)
	if err != nil {
		return nil, fmt.Errorf("open the worker's process: %w", err)
	}
	defer unix.Close(worker)
	file, err := unix.PidfdGetfd(worker, a.File, 0)
	if err != nil {
		return nil, fmt.Errorf("get descriptor %d of the worker: %w", a.File, err)
	}
	defer unix.Close(file)
	m, err := unix.Mmap(file, a.Offset, int(a.Size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", a.Size, err)
	}
	return m, nil
}

// announce tells the host where the attachments are.
func (s *supervisor) announce() {
	for _, a := range s.attached {
		if b, err := json.Marshal(a); err == nil {
			send(frame.Attach, b)
		}
	}
}
