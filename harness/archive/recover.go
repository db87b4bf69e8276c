package archive

import (
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
)

// recover brings index and records into step after whatever happened to the last writer: it reads the index, and
// then the records behind those that the index has. An index that does not fit is made again.
func (a *Archive) recover() error {
	info, err := a.records.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	last, err := a.readIndex(size)
	if err != nil {
		return err
	}
	// After a power cut the index may know of a record whose bytes never reached the disk.
	if last.length > 0 {
		if _, _, err := readFrame(a.records, size, last.offset); err != nil {
			a.reset()
			if err := a.index.Truncate(0); err != nil {
				return machine(fmt.Errorf("cut index: %w", err))
			}
		}
	}
	return a.scan(size)
}

// readIndex takes over what the index has, as far as it fits a file of records of this size, and returns its last entry.
func (a *Archive) readIndex(size int64) (last Entry, err error) {
	a.reset()
	var k known
	sound, err := scanIndex(io.NewSectionReader(a.index, 0, 1<<62), &k, func(e *Entry) error {
		if e.offset < a.end || e.offset+e.length > size {
			return errDamaged
		}
		a.runs[e.Run] = struct{}{}
		a.end = e.offset + e.length
		last = *e
		return nil
	})
	switch {
	case errors.Is(err, errDamaged):
		a.reset() // all of it is made again, from the records
		sound, last = 0, Entry{}
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return last, machine(fmt.Errorf("read index: %w", err))
	default:
		for i, s := range k {
			a.names.number[s] = uint64(i)
		}
	}
	a.indexed = sound
	if err := a.index.Truncate(sound); err != nil {
		return last, machine(fmt.Errorf("cut index: %w", err))
	}
	return last, nil
}

func (a *Archive) reset() {
	a.end, a.indexed = 0, 0
	a.names = names{number: map[string]uint64{}}
	clear(a.runs)
}

// scan indexes the records from a.end on, leaves out what is damaged and cuts off what is torn.
func (a *Archive) scan(size int64) error {
	for a.end < size {
		compressed, end, err := readFrame(a.records, size, a.end)
		var e Entry
		if err == nil {
			if e, err = a.understand(compressed); err == nil {
				e.offset, e.length = a.end, end-a.end
				if _, twice := a.runs[e.Run]; !twice {
					if err := a.note(&e); err != nil {
						return err
					}
				}
				a.end = end
				continue
			}
		}
		if problem.KindOf(err) == problem.Usage {
			return err
		}
		if !errors.Is(err, errDamaged) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return machine(fmt.Errorf("read records: %w", err))
		}
		next, err := findFrame(a.records, size, a.end+1)
		if err != nil {
			return machine(fmt.Errorf("read records: %w", err))
		}
		a.Damages = append(a.Damages, Damage{Offset: a.end, Length: next - a.end, Torn: next == size})
		if next == size {
			if err := a.records.Truncate(a.end); err != nil {
				return machine(fmt.Errorf("cut off a torn record: %w", err))
			}
			return nil
		}
		a.end = next
	}
	return nil
}

// understand reads a record and takes from it what the index has.
func (a *Archive) understand(compressed []byte) (Entry, error) {
	b, err := a.codec.expand(compressed)
	if err != nil {
		return Entry{}, err
	}
	r, err := result.Decode(b)
	switch {
	case problem.KindOf(err) == problem.Usage: // of another schema: it is sound, and must not be dropped
		return Entry{}, err
	case err != nil:
		return Entry{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return entryOf(r), nil
}
