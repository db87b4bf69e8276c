package archive

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// recover brings index and records into step after whatever happened to the last writer. It cuts off a record that is
// half written, leaves out what is damaged, and adds to the index what it lacks. An index that does not fit is made
// again.
func (a *Archive) recover() error {
	info, err := a.records.Stat()
	if err != nil {
		return machine(err)
	}
	size := info.Size()
	v, err := look(io.NewSectionReader(a.index, 0, 1<<62))
	if err != nil {
		return err
	}
	if err := a.adopt(v.sound, v.names.names); err != nil {
		return err
	}
	if err := v.compare(a.records, size, a.codec, a.note); err != nil {
		return err
	}
	a.Damages, a.Conflicts, a.runs, a.end = v.damages, v.conflicts, v.runs, size
	if slices.ContainsFunc(v.damages, func(d Damage) bool { return d.Offset+d.Length == size }) {
		if err := a.records.Truncate(v.end); err != nil {
			return machine(fmt.Errorf("cut off a torn record: %w", err))
		}
		a.end = v.end
	}
	if v.fits {
		return nil
	}
	if err := a.adopt(0, nil); err != nil {
		return err
	}
	s := frames{file: a.records, size: a.end}
	for _, w := range v.rows {
		e, err := readEntry(&s, a.codec, w)
		if err != nil {
			return machine(fmt.Errorf("read records: %w", err)) // it was sound a moment ago
		}
		if err := a.note(&e); err != nil && !errors.Is(err, errLarge) {
			return err
		}
	}
	return nil
}

// adopt takes over so much of the index, with the names that are in it.
func (a *Archive) adopt(length int64, list []string) error {
	a.indexed, a.names = length, names{number: map[string]uint64{}}
	for i, s := range list {
		a.names.number[s] = uint64(i)
	}
	if err := a.index.Truncate(length); err != nil {
		return machine(fmt.Errorf("cut index: %w", err))
	}
	return nil
}

// readEntry reads what an index has of a record that was found sound.
func readEntry(s *frames, c *codec, w row) (Entry, error) {
	compressed, _, err := s.read(w.offset)
	if err != nil {
		return Entry{}, err
	}
	b, err := c.expand(compressed)
	if err != nil {
		return Entry{}, err
	}
	e, err := understand(b)
	e.offset, e.length = w.offset, w.length
	return e, err
}
