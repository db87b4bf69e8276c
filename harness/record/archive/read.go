package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Reader is an archive that is only read, perhaps while a sweep adds to it. It has what was there when it was opened.
type Reader struct {
	Identity Identity
	// Damages are what was found on opening, and Conflicts the runs that are there twice, with two digests.
	Damages   []Damage
	Conflicts []*Conflict

	records *os.File
	index   *os.File
	sound   int64 // of the index
	runs    runs
	lacks   []byte // an index of what the index does not have
	wrong   map[int64]bool
	codec   *codec
	kept    string // the file of numbers, where there are no records
	undo    undo.Stack
}

// Read opens the archive in dir for reading. Every record is read and held against its checksum; what is damaged is
// left out, and in Damages. An index that is missing or does not fit is made up for from the records each time; [Open]
// makes it again. The error is of kind [problem.Usage] when there is no archive.
func Read(dir string) (_ *Reader, err error) {
	r := new(Reader)
	opened := false
	defer func() {
		if !opened {
			err = errors.Join(err, r.undo.Close())
		}
	}()
	if r.Identity, err = identityOf(dir); err != nil {
		return nil, err
	}
	if path, ok := keptIn(dir); ok {
		r.kept = path // and nothing is open
		return r, nil
	}
	if r.codec, err = newCodec(); err != nil {
		return nil, err
	}
	// A writer adds to the records first and to the index then: in this order the index has nothing that the records
	// have not.
	indexed, err := r.open(filepath.Join(dir, indexFile), &r.index)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	size := int64(0)
	if err == nil {
		size, err = r.open(filepath.Join(dir, recordsFile), &r.records)
	}
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read archive: %w", err), "")
	}
	v, err := look(r.indexOf(indexed))
	if err == nil {
		own := names{number: map[string]uint64{}}
		err = v.compare(r.records, size, r.codec, func(e *Entry) error {
			if len(r.lacks) == 0 {
				r.lacks = block([]byte(indexMagic))
			}
			b, err := own.encode(e)
			r.lacks = append(r.lacks, b...)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read archive %s: %w", dir, err)
	}
	r.sound, r.runs, r.wrong, r.Damages, r.Conflicts = v.sound, v.runs, v.wrong, v.damages, v.conflicts
	opened = true
	return r, nil
}

// open opens a file and returns its size.
func (r *Reader) open(path string, to **os.File) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	r.undo.Push(f.Close)
	*to = f
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// indexOf reads so much of the index, which may be missing.
func (r *Reader) indexOf(size int64) io.Reader {
	if r.index == nil {
		return io.NewSectionReader(noFile{}, 0, 0)
	}
	return io.NewSectionReader(r.index, 0, size)
}

// noFile has nothing in it.
type noFile struct{}

func (noFile) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// Entries calls f for every run in the order of the file, those that the index lacks at the end; the entry is valid
// during the call only. Runs that failed are among them, but not those that were made after all.
func (r *Reader) Entries(f func(e *Entry) error) error {
	if r.kept != "" {
		return eachNumbers(r.kept, f)
	}
	each := func(e *Entry) error {
		if r.runs.stale(e) {
			return nil
		}
		return f(e)
	}
	_, err := scanIndex(r.indexOf(r.sound), new(known), func(e *Entry) error {
		if r.wrong[e.offset] {
			return nil
		}
		return each(e)
	})
	if err == nil {
		_, err = scanIndex(bytes.NewReader(r.lacks), new(known), each)
	}
	if unsound(err) {
		return problem.Wrap(problem.Usage,
			fmt.Errorf("read index of the archive: it has changed since it was opened: %w", err), "try again")
	}
	return err
}

// Record reads the record of an entry.
func (r *Reader) Record(e *Entry) (*result.Record, error) {
	if r.kept != "" {
		return errKept(e)
	}
	return readRecord(r.records, r.codec, e)
}

// Find returns the record whose run or digest begins with the digits of prefix.
func (r *Reader) Find(prefix string) (*result.Record, error) {
	var found []Entry
	err := r.Entries(func(e *Entry) error {
		if begins(e.Run, prefix) || begins(e.Digest, prefix) {
			found = append(found, *e)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("no run %s in the archive", prefix),
			"ruleout results list shows them")
	case len(found) > 1:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%d runs begin with %s", len(found), prefix), "give more digits")
	}
	return r.Record(&found[0])
}

// begins reports whether a "sha256:…" string begins with the digits, with or without their own prefix.
func begins(sum, digits string) bool {
	const scheme = "sha256:"
	digits = strings.TrimPrefix(digits, scheme)
	return digits != "" && strings.HasPrefix(strings.TrimPrefix(sum, scheme), digits)
}

// Tell calls note with what was found wrong on opening, and returns an error of kind [problem.Invalid] if a run is
// there with two digests. That the last record is half written is left out: a sweep may be writing it just now.
func (r *Reader) Tell(note func(text string)) error {
	for _, d := range r.Damages {
		if !d.Torn {
			note(d.String())
		}
	}
	tell(nil, r.Conflicts, note)
	return alarmOf(r.Conflicts)
}

// Close lets go of the files.
func (r *Reader) Close() error { return r.undo.Close() }
