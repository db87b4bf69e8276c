package archive

import (
	"fmt"
	"io"
	"slices"
)

// recover brings index and records into step after whatever happened to the last writer. It cuts off a record that is
// half written, leaves out what is damaged, and adds to the index what it lacks. An index that does not fit is made again.
func (a *Archive) recover() error {
	info, err := a.records.Stat()
	if err != nil {
		return machine(err)
	}
	size := info.Size()
	v, err := look(a.records, size, io.NewSectionReader(a.index, 0, 1<<62), a.codec)
	if err != nil {
		return err
	}
	a.Damages, a.Conflicts, a.runs, a.end = v.damages, v.conflicts, v.runs, size
	if slices.ContainsFunc(v.damages, func(d Damage) bool { return d.Length > 0 && d.Offset+d.Length == size }) {
		if err := a.records.Truncate(v.end); err != nil {
			return machine(fmt.Errorf("cut off a torn record: %w", err))
		}
		a.end = v.end
	}
	a.names = names{number: map[string]uint64{}}
	lacks := v.rows
	if v.fits {
		a.indexed, lacks = v.sound, v.tail
		for i, s := range v.names.names {
			a.names.number[s] = uint64(i)
		}
	}
	if err := a.index.Truncate(a.indexed); err != nil {
		return machine(fmt.Errorf("cut index: %w", err))
	}
	s := frames{file: a.records, size: a.end}
	for _, w := range lacks {
		e, err := readEntry(&s, a.codec, w)
		if err != nil {
			return machine(fmt.Errorf("read records: %w", err)) // it was sound a moment ago
		}
		if err := a.note(&e); err != nil {
			return err
		}
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
