package vm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/undo"
)

// streams are the files that we share with one QEMU.
type streams struct {
	theirs []*os.File // in the order of fdControl and those after it

	control *os.File // our end of the socket pair for QMP
	frames  *os.File // read end of the pipe for the guest's output
	console *os.File // what the kernel printed
	output  *os.File // output fetched from the guest's memory

	undo undo.Stack
}

func openStreams(payload []byte, ram *os.File) (s *streams, err error) {
	s = &streams{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start QEMU: %w", err), s.giveAway(), s.close())
		}
	}()
	pair, err := socketPair()
	if err != nil {
		return s, err
	}
	s.control = s.ours(os.NewFile(uintptr(pair[0]), "control"))
	s.theirs = append(s.theirs, os.NewFile(uintptr(pair[1]), "control"))
	reader, writer, err := os.Pipe()
	if err != nil {
		return s, err
	}
	s.frames = s.ours(reader)
	s.theirs = append(s.theirs, writer)
	for _, f := range []struct {
		name string
		data []byte
		file **os.File
	}{{"console", nil, &s.console}, {"payload", payload, nil}, {"output", nil, &s.output}} {
		file, err := memoryFile(f.name, f.data)
		if err != nil {
			return s, err
		}
		s.theirs = append(s.theirs, file)
		if f.file == nil {
			continue
		}
		same, err := duplicate(file)
		if err != nil {
			return s, err
		}
		*f.file = s.ours(same)
	}
	if ram != nil {
		same, err := duplicate(ram)
		if err != nil {
			return s, err
		}
		s.theirs = append(s.theirs, same)
	}
	return s, nil
}

// ours notes a file that close closes.
func (s *streams) ours(f *os.File) *os.File {
	s.undo.Push(f.Close)
	return f
}

// giveAway closes what is QEMU's, as soon as it has inherited it: the end of a stream is not
// seen while we hold its other end ourselves.
func (s *streams) giveAway() error {
	var errs []error
	for _, f := range s.theirs {
		errs = append(errs, f.Close())
	}
	s.theirs = nil
	return errors.Join(errs...)
}

func (s *streams) close() error { return s.undo.Close() }

// memoryFile returns a file without a name that holds data; it is gone with its last descriptor.
func memoryFile(name string, data []byte) (*os.File, error) {
	fd, err := memoryDescriptor("ruleout-" + name)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(data); err != nil {
		return nil, errors.Join(fmt.Errorf("fill a memory file: %w", err), f.Close())
	}
	return f, nil
}

// duplicate returns a second descriptor of the same file.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
