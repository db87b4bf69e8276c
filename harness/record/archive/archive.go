package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/undo"
	"github.com/ruleout/ruleout/harness/record/result"
)

// Names of the files in an archive.
const (
	recordsFile  = "records.zst"
	indexFile    = "index"
	identityFile = "campaign.json"
	lockFile     = "lock"
)

// Archive is a directory of records that is open for writing.
type Archive struct {
	// Damages are what was found on opening, and Conflicts the runs that were there twice, with two digests.
	Damages   []Damage
	Conflicts []*Conflict

	dir   string
	codec *codec

	mu       sync.Mutex
	records  *os.File
	index    *os.File
	end      int64 // of the last whole record
	indexed  int64 // of the last whole block
	names    names
	runs     runs
	synced   time.Time
	unsynced error // why what was appended may not be durable
	undo     undo.Stack
}

// Open opens the archive in dir for writing, and makes it if it is not there. Every record is read and held against its
// checksum. Only one process can have the archive open for writing; the error for the second is of kind
// [problem.Machine], and so is that of a full or read-only disk. An archive of another campaign, or one whose runs were
// made with another QEMU, kernel or program, is an error of kind [problem.Usage].
func Open(dir string, id Identity) (_ *Archive, err error) {
	id.Format = format
	_, err = os.Stat(dir)
	fresh := err != nil
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, machine(fmt.Errorf("make archive: %w", err))
	}
	a := &Archive{dir: dir, runs: newRuns()}
	opened := false
	defer func() {
		if !opened {
			err = errors.Join(err, a.undo.Close())
		}
	}()
	if _, ok := keptIn(dir); ok {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("only the numbers of a sweep were kept in %s", dir),
			"give another place with --out DIR")
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	if err := identify(dir, id); err != nil {
		return nil, err
	}
	if a.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if a.records, err = a.file(recordsFile); err != nil {
		return nil, err
	}
	if a.index, err = a.file(indexFile); err != nil {
		return nil, err
	}
	if fresh {
		_ = atomicfile.SyncDir(filepath.Dir(dir)) // who may write into dir may be not allowed to list what is above it
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return nil, machine(fmt.Errorf("open archive: %w", err))
	}
	if err := a.recover(); err != nil {
		return nil, fmt.Errorf("open archive %s: %w", dir, err)
	}
	opened = true
	return a, nil
}

func machine(err error) error {
	return problem.Wrap(problem.Machine, err,
		"give another place with --out DIR, or make room; what was stored so far is kept")
}

func (a *Archive) file(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(a.dir, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, machine(fmt.Errorf("open archive: %w", err))
	}
	a.undo.Push(f.Close)
	return f, nil
}

// lock takes the lock of the directory itself, which no process can remove from under it, and that of a file in it,
// which is what earlier builds have. The kernel lets go of both when the process ends, however it ends.
func (a *Archive) lock() error {
	dir, err := os.Open(a.dir)
	if err != nil {
		return machine(fmt.Errorf("open archive: %w", err))
	}
	a.undo.Push(dir.Close)
	f, err := a.file(lockFile)
	if err != nil {
		return err
	}
	for _, f := range []*os.File{dir, f} {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return problem.Wrap(problem.Machine, fmt.Errorf("archive %s is open in another process: %w", a.dir, err),
				"wait for the other sweep, or give another place with --out DIR")
		}
	}
	return nil
}

// Has reports whether a run is in the archive.
func (a *Archive) Has(run string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.runs.digests[shorten(run)]
	return ok
}

// Len is how many records there are. Failed runs have none.
func (a *Archive) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runs.records
}

// syncEvery is how long a record may be safe against the death of the process only.
const syncEvery = time.Second

// Append adds a record, unless its run is there already, and returns what the index has of it. After an error the
// archive is as it was before. A run that is there with another digest is an error that wraps a [Conflict], of kind
// [problem.Invalid]; a record that is too large to be read back is one of kind [problem.Usage]. It is safe for use by
// several goroutines.
func (a *Archive) Append(r *result.Record) (Entry, error) {
	b, err := line(r)
	if err != nil {
		return Entry{}, err
	}
	return a.add(b, entryOf(r))
}

// Fail adds a run of which there is no record, unless it is there already. A record of the run takes its place,
// whenever it comes. Errors are those of [Archive.Append].
func (a *Archive) Fail(f Failed) (Entry, error) {
	f.complete()
	b, err := line(&f)
	if err != nil {
		return Entry{}, err
	}
	return a.add(b, f.entry())
}

// add adds a line of which the index has e.
func (a *Archive) add(line []byte, e Entry) (Entry, error) {
	if err := result.CheckSize(line); err != nil {
		return e, problem.Wrap(problem.Usage, fmt.Errorf("store %v: %w", &e, err),
			"a timeline with a longer interval makes records smaller")
	}
	compressed := a.codec.compress(line)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unsynced != nil {
		return e, a.unsynced
	}
	w := rowOf(&e)
	if digest, there := a.runs.digests[w.run]; there {
		if digest != w.digest {
			return e, a.conflict(&e).alarm()
		}
		return e, nil
	}
	frame := append(prefix(compressed), compressed...)
	e.offset, e.length = a.end, int64(len(frame))
	if err := a.write(a.records, frame, a.end); err != nil {
		return e, err
	}
	if err := a.note(&e); err != nil {
		return e, errors.Join(err, a.records.Truncate(a.end))
	}
	a.end += e.length
	a.runs.add(&w)
	if time.Since(a.synced) >= syncEvery {
		_ = a.sync() // the record is stored all the same; the error is that of the next call
	}
	return e, nil
}

// conflict is that of e with the run that is there.
func (a *Archive) conflict(e *Entry) *Conflict {
	c := &Conflict{Run: e.Run, Other: e.Digest, Seed: e.Seed}
	_, _ = scanIndex(io.NewSectionReader(a.index, 0, a.indexed), new(known), func(have *Entry) error {
		if have.Run == e.Run {
			c.Have = have.Digest
			return io.EOF // that is enough
		}
		return nil
	})
	return c
}

// write puts b at offset of a file, or leaves the file as it was up to there.
func (a *Archive) write(f *os.File, b []byte, offset int64) error {
	if _, err := f.WriteAt(b, offset); err != nil {
		return machine(fmt.Errorf("write to archive: %w", errors.Join(err, f.Truncate(offset))))
	}
	return nil
}

// errLarge says that an index has no room for an entry.
var errLarge = fmt.Errorf("its numbers take more than %d MiB, or have more than %d names with those of other runs",
	largestBlock>>20, mostNames)

// note adds an entry to the index.
func (a *Archive) note(e *Entry) error {
	if a.indexed == 0 {
		magic := block([]byte(indexMagic))
		if err := a.write(a.index, magic, 0); err != nil {
			return err
		}
		a.indexed = int64(len(magic))
	}
	before := len(a.names.number)
	b, err := a.names.encode(e)
	if err == nil {
		if err = a.write(a.index, b, a.indexed); err != nil {
			a.names.forget(before)
		}
	}
	if err != nil {
		return err
	}
	a.indexed += int64(len(b))
	return nil
}

// Sync makes what was appended durable against the death of the machine. Once that has failed it cannot be told what is
// durable: nothing is appended any more, and the error stays.
func (a *Archive) Sync() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sync()
}

func (a *Archive) sync() error {
	if a.unsynced != nil {
		return a.unsynced
	}
	a.synced = time.Now()
	// The index can be made again; the records cannot.
	if err := a.records.Sync(); err != nil {
		a.unsynced = machine(fmt.Errorf("sync archive: %w", err))
	}
	return a.unsynced
}

// Close makes everything durable and lets go of the directory.
func (a *Archive) Close() error {
	if a == nil {
		return nil
	}
	return errors.Join(a.Sync(), a.undo.Close())
}

// Entries calls f for every run in the order of the file, with what the index has of it, which is valid during the call
// only. Runs that failed are among them, but not those that were made after all.
func (a *Archive) Entries(f func(e *Entry) error) error {
	a.mu.Lock()
	end := a.indexed
	a.mu.Unlock()
	_, err := scanIndex(io.NewSectionReader(a.index, 0, end), new(known), func(e *Entry) error {
		if e.Failure != "" && a.stale(e) {
			return nil
		}
		return f(e)
	})
	return err
}

func (a *Archive) stale(e *Entry) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runs.stale(e)
}

// Record reads the record of an entry.
func (a *Archive) Record(e *Entry) (*result.Record, error) {
	return readRecord(a.records, a.codec, e)
}

func readRecord(f io.ReaderAt, c *codec, e *Entry) (*result.Record, error) {
	if e.Failure != "" {
		return nil, problem.Wrap(problem.Usage,
			fmt.Errorf("%v has no record, because it %s: %s", e, e.Failure.verb(), e.Because), "")
	}
	s := frames{file: f, size: e.offset + e.length}
	compressed, _, err := s.read(e.offset)
	if err != nil {
		return nil, fmt.Errorf("read %v: %w", e, err)
	}
	b, err := c.expand(compressed)
	if err != nil {
		return nil, fmt.Errorf("read %v: %w", e, err)
	}
	r, err := result.Decode(b)
	if err != nil {
		return nil, problem.Wrap(problem.KindOf(err), fmt.Errorf("read %v: %w", e, err), problem.HintOf(err))
	}
	return r, nil
}

// verb says what has become of the run.
func (f Failure) verb() string {
	if f == Refused {
		return "was refused"
	}
	return string(f)
}

// Tell calls note with each damage and conflict that was found on opening, as text for a person.
func tell(damages []Damage, conflicts []*Conflict, note func(text string)) {
	for _, d := range damages {
		note(d.String())
	}
	for _, c := range conflicts {
		note(c.Error())
	}
}

// Tell calls note with what was found wrong on opening, and returns an error of kind [problem.Invalid] if a run is
// there with two digests.
func (a *Archive) Tell(note func(text string)) error {
	tell(a.Damages, a.Conflicts, note)
	return alarmOf(a.Conflicts)
}

// alarmOf is the error for conflicts, or nil if there are none.
func alarmOf(conflicts []*Conflict) error {
	if len(conflicts) == 0 {
		return nil
	}
	return slices.MinFunc(conflicts, func(a, b *Conflict) int { return int(a.Seed) - int(b.Seed) }).alarm()
}
