package archive

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// survey is what records and index of an archive were found to be when every byte of them was read.
type survey struct {
	runs      runs
	rows      []row // of all runs, each once, in the order of the file
	end       int64 // of the last sound record
	damages   []Damage
	conflicts []*Conflict

	listed []row // what the index has
	names  known
	sound  int64 // length of the index up to where it can be read
	// fits says that the index has the first rows in their order and nothing else.
	fits bool
	// wrong are the places that the index has and the records have not.
	wrong map[int64]bool
}

// look reads the index of an archive, as far as it can be read.
func look(index io.Reader) (*survey, error) {
	v := &survey{runs: newRuns(), fits: true, wrong: map[int64]bool{}}
	listed, err := v.list(index)
	v.listed = listed
	return v, err
}

// compare reads all records and holds them against the index. That is the only place where the two meet, so that a
// reader and a writer find the same. The records are the truth. lacks is called for each run that the index does not
// have; one for which it says [errLarge] is damaged.
func (v *survey) compare(records io.ReaderAt, size int64, c *codec, lacks func(e *Entry) error) (err error) {
	listed, tail := v.listed, false
	s := frames{file: records, size: size}
	v.end, v.damages, err = s.each(func(offset, length int64, compressed []byte) error {
		for len(listed) > 0 && listed[0].offset < offset {
			v.wrong[listed[0].offset] = true
			listed = listed[1:]
		}
		var w row
		var e Entry
		known := len(listed) > 0 && listed[0].offset == offset && listed[0].length == length
		if known {
			w, listed = listed[0], listed[1:]
		} else {
			b, err := c.expand(compressed)
			if err != nil {
				return err
			}
			if e, err = understand(b); err != nil {
				return err
			}
			e.offset, e.length = offset, length
			w = rowOf(&e)
		}
		if _, there := v.runs.digests[w.run]; !there && !known {
			if err := lacks(&e); errors.Is(err, errLarge) {
				return fmt.Errorf("%w: %w", errDamaged, err)
			} else if err != nil {
				return err
			}
		}
		fresh, conflict := v.runs.add(&w)
		if conflict {
			if known { // in an index that another program has put together
				return errDamaged
			}
			v.conflicts = append(v.conflicts, &Conflict{Run: e.Run, Other: e.Digest, Seed: e.Seed})
		}
		switch {
		case !fresh && known: // the index has it twice
			v.wrong[offset] = true
		case !fresh:
		case known:
			v.rows = append(v.rows, w)
			v.fits = v.fits && !tail
		default:
			v.rows, tail = append(v.rows, w), true
		}
		return nil
	})
	if err != nil {
		if kind := problem.KindOf(err); kind == problem.Usage || kind == problem.Machine {
			return err
		}
		return machine(fmt.Errorf("read records: %w", err))
	}
	v.missing(listed, size)
	for i := range v.damages {
		d := &v.damages[i]
		d.Torn = d.Torn && !v.wrong[d.Offset] // what the index has was whole once
	}
	v.fits = v.fits && len(v.wrong) == 0
	return v.name(records, c)
}

// list reads the index as far as it can be read.
func (v *survey) list(index io.Reader) (listed []row, err error) {
	end := int64(0)
	v.sound, err = scanIndex(index, &v.names, func(e *Entry) error {
		if e.offset < end || e.length < prefixSize {
			return errDamaged
		}
		end = e.offset + e.length
		listed = append(listed, rowOf(e))
		return nil
	})
	if unsound(err) {
		err = nil // what it does not have is taken from the records
	}
	if err != nil {
		return nil, machine(fmt.Errorf("read index: %w", err))
	}
	return listed, nil
}

// missing notes what the index has after the last sound record.
func (v *survey) missing(listed []row, size int64) {
	gone := 0
	for _, w := range listed {
		v.wrong[w.offset] = true
		if w.offset >= size {
			gone++
		}
	}
	if gone > 0 {
		v.damages = append(v.damages, Damage{Offset: size, Gone: gone})
	}
}

// name completes conflicts: of the records that came first, only hashes are in memory.
func (v *survey) name(records io.ReaderAt, c *codec) error {
	for _, conflict := range v.conflicts {
		i := slices.IndexFunc(v.rows, func(w row) bool { return w.run == shorten(conflict.Run) })
		r, err := readRecord(records, c,
			&Entry{Run: conflict.Run, Seed: conflict.Seed, offset: v.rows[i].offset, length: v.rows[i].length})
		if err != nil {
			return err
		}
		conflict.Have = r.Digest
	}
	return nil
}
