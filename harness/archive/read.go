package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
	"github.com/ruleout/ruleout/harness/undo"
)

// Reader is an archive that is only read, perhaps while a sweep adds to it. It has what was there when it was opened.
type Reader struct {
	Identity Identity

	records *os.File
	index   *os.File
	size    int64 // of the index
	codec   *codec
	kept    string // the file of numbers, where there are no records
	undo    undo.Stack
}

// Read opens the archive in dir for reading. When its index does not fit its records, because its writer died just now or somebody has
// deleted it, open it once with [Open]. The error is of kind [problem.Usage] when there is no archive.
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
		r.kept, opened = path, true
		return r, nil
	}
	if r.codec, err = newCodec(); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		to   **os.File
	}{{recordsFile, &r.records}, {indexFile, &r.index}} {
		if *f.to, err = os.Open(filepath.Join(dir, f.name)); err != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("read archive: %w", err), "")
		}
		r.undo.Push((*f.to).Close)
	}
	info, err := r.index.Stat()
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	r.size = info.Size()
	opened = true
	return r, nil
}

// Is reports whether dir holds an archive.
func Is(dir string) bool {
	_, err := identityOf(dir)
	return err == nil
}

func identityOf(dir string) (id Identity, err error) {
	b, err := os.ReadFile(filepath.Join(dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return id, problem.Wrap(problem.Usage, fmt.Errorf("%s is not an archive of a sweep", dir), "give the directory that was --out of ruleout sweep")
	} else if err != nil {
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read archive: %w", err), "")
	}
	return parseIdentity(filepath.Join(dir, identityFile), b)
}

// Entries calls f for every record in the order of the file; the entry is valid during the call only. A block at the end
// that is being written is not there yet.
func (r *Reader) Entries(f func(e *Entry) error) error {
	if r.kept != "" {
		return eachNumbers(r.kept, f)
	}
	var k known
	_, err := scanIndex(io.NewSectionReader(r.index, 0, r.size), &k, f)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if errors.Is(err, errDamaged) {
		return problem.Wrap(problem.Usage, fmt.Errorf("read index of the archive: %w", err), "delete the file index in it: the next sweep makes it again from the records")
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
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("no run %s in the archive", prefix), "ruleout results list shows them")
	case len(found) > 1:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("%d runs begin with %s", len(found), prefix), "give more digits")
	}
	return r.Record(&found[0])
}

// begins reports whether a "sha256:…" string begins with the digits, with or without their own prefix.
func begins(sum, digits string) bool {
	const scheme = "sha256:"
	if len(digits) > len(scheme) && digits[:len(scheme)] == scheme {
		digits = digits[len(scheme):]
	}
	return digits != "" && len(sum) >= len(scheme)+len(digits) && sum[len(scheme):len(scheme)+len(digits)] == digits
}

// Close lets go of the files.
func (r *Reader) Close() error { return r.undo.Close() }

// Merge adds to a the records of another archive of the same campaign, each run once, and returns how many were new.
func (a *Archive) Merge(dir string) (added int, err error) {
	from, err := Read(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	into, err := identityOf(a.dir)
	if err != nil {
		return 0, err
	}
	if _, err := into.with(from.Identity, dir); err != nil {
		return 0, err
	}
	err = from.Entries(func(e *Entry) error {
		if a.Has(e.Run) {
			return nil
		}
		r, err := from.Record(e)
		if err != nil {
			return err
		}
		added++
		_, err = a.Append(r)
		return err
	})
	return added, err
}
