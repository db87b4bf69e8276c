package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/result"
	"github.com/ruleout/ruleout/harness/undo"
)

// Names of the files in an archive.
const (
	recordsFile  = "records.zst"
	indexFile    = "index"
	identityFile = "campaign.json"
	lockFile     = "lock"
)

// Identity says what an archive is of, so that records of another campaign, build or kernel do not get in, and so that it can be
// judged by itself.
type Identity struct {
	// Format of the archive's files, which is 1.
	Format int `json:"format"`
	// Campaign is its name.
	Campaign string `json:"campaign"`
	// Tool is the version and hash of the build that makes the runs. Runs of two builds are not to be compared.
	Tool string `json:"tool"`
	// Kernels are the releases behind the names that the campaign uses; an empty name is the default one.
	Kernels map[string]string `json:"kernels"`
	// Source is the campaign's file and that of its scenario, as they were when the last sweep began.
	Source Source `json:"source"`
}

// Source is the text of a campaign.
type Source struct {
	File         string   `json:"file"`
	Text         string   `json:"text"`
	Set          []string `json:"set,omitempty"`
	ScenarioFile string   `json:"scenario_file"`
	ScenarioText string   `json:"scenario_text"`
}

// unfinished ends the name of a file that is being written.
const unfinished = ".tmp"

// format of the files that this package writes.
const format = 1

// Damage is something wrong that was found when an archive was opened, and what became of it.
type Damage struct {
	// Offset in the file of records, in bytes; Length is how much is lost.
	Offset, Length int64
	// Torn is the ordinary case: the last record was half written when its writer died.
	Torn bool
}

// String says it to a person.
func (d Damage) String() string {
	if d.Torn {
		return fmt.Sprintf("the last record was half written (%d bytes at %d): dropped, its run is made again", d.Length, d.Offset)
	}
	return fmt.Sprintf("%d bytes at %d are damaged: the record in them is left out, its run is made again", d.Length, d.Offset)
}

// Archive is a directory of records that is open for writing.
type Archive struct {
	// Damages are what was found on opening.
	Damages []Damage

	dir   string
	codec *codec

	mu      sync.Mutex
	records *os.File
	index   *os.File
	end     int64 // of the last whole record
	indexed int64 // of the last whole block
	names   names
	runs    map[string]struct{}
	synced  time.Time
	undo    undo.Stack
}

// Open opens the archive in dir for writing, and makes it if it is not there. Only one process can have it open
// for writing; the error for the second is of kind [problem.Machine], and so is that of a full or read-only disk. An archive
// of another campaign is an error of kind [problem.Usage].
func Open(dir string, id Identity) (_ *Archive, err error) {
	id.Format = format
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, machine(fmt.Errorf("make archive: %w", err))
	}
	a := &Archive{dir: dir, runs: map[string]struct{}{}}
	opened := false
	defer func() {
		if !opened {
			err = errors.Join(err, a.undo.Close())
		}
	}()
	if _, ok := keptIn(dir); ok {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("only the numbers of a sweep were kept in %s", dir), "give another place with --out DIR")
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
	if err := a.recover(); err != nil {
		return nil, fmt.Errorf("open archive %s: %w", dir, err)
	}
	opened = true
	return a, nil
}

func machine(err error) error {
	return problem.Wrap(problem.Machine, err, "give another place with --out DIR, or make room; what was stored so far is kept")
}

func (a *Archive) file(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(a.dir, name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, machine(fmt.Errorf("open archive: %w", err))
	}
	a.undo.Push(f.Close)
	return f, nil
}

// lock takes the directory's lock, which the kernel lets go of when the process ends, however it ends.
func (a *Archive) lock() error {
	f, err := a.file(lockFile)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return problem.Wrap(problem.Machine, fmt.Errorf("archive %s is open in another process: %w", a.dir, err), "wait for the other sweep, or give another place with --out DIR")
	}
	return nil
}

// identify checks what the archive is of, or writes it.
func identify(dir string, id Identity) error {
	path := filepath.Join(dir, identityFile)
	// A process that was killed while it wrote leaves its half behind; whoever has the lock may take it away.
	if err := ignoreMissing(os.Remove(path + unfinished)); err != nil {
		return machine(fmt.Errorf("open archive: %w", err))
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id.write(path)
	}
	if err != nil {
		return machine(fmt.Errorf("open archive: %w", err))
	}
	have, err := parseIdentity(path, b)
	if err != nil {
		return err
	}
	merged, err := have.with(id, dir)
	if err != nil || reflect.DeepEqual(have, merged) {
		return err
	}
	return merged.write(path)
}

// with returns the identity of an archive to which records of another origin are to be added, or why they do not go together.
func (have Identity) with(id Identity, dir string) (Identity, error) {
	refuse := func(format string, args ...any) (Identity, error) {
		return have, problem.Wrap(problem.Usage, fmt.Errorf("archive "+dir+" "+format, args...), "what differs in that is not to be compared: give another place with --out DIR")
	}
	switch {
	case have.Format != format || id.Format != format:
		return refuse("has format %d, and this ruleout writes format %d", have.Format, format)
	case have.Campaign != id.Campaign:
		return refuse("is of the campaign %s, not of %s", have.Campaign, id.Campaign)
	case have.Tool != id.Tool:
		return refuse("has runs of another build of ruleout")
	}
	merged := map[string]string{}
	maps.Copy(merged, id.Kernels)
	for name, release := range have.Kernels {
		if now, ok := id.Kernels[name]; ok && now != release {
			return refuse("has runs on kernel %s, and %q is %s now", release, name, now)
		}
		merged[name] = release
	}
	if id.Kernels = merged; len(merged) == 0 {
		id.Kernels = nil // as it is read back
	}
	return id, nil
}

// write puts the identity into a file that appears whole or not at all.
func (have Identity) write(path string) error {
	b, err := json.MarshalIndent(have, "", " ")
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	tmp := path + unfinished
	if err := errors.Join(os.WriteFile(tmp, append(b, '\n'), 0o644), os.Rename(tmp, path)); err != nil {
		return machine(fmt.Errorf("write archive: %w", errors.Join(err, ignoreMissing(os.Remove(tmp)))))
	}
	return nil
}

// parseIdentity reads one of any format that this package knows, which is one so far.
func parseIdentity(path string, b []byte) (id Identity, err error) {
	const other = "this is not an archive of ruleout, or it is damaged"
	err = json.Unmarshal(b, &id)
	switch {
	case id.Format > format: // whatever else is in it
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: it has format %d, this build reads %d", path, id.Format, format), "a newer ruleout wrote it: read it with that one")
	case err != nil:
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: %w", path, err), other)
	case id.Format < 1:
		return id, problem.Wrap(problem.Usage, fmt.Errorf("read %s: no format", path), other)
	}
	return id, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Has reports whether a run is in the archive.
func (a *Archive) Has(run string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.runs[run]
	return ok
}

// Len is how many records there are.
func (a *Archive) Len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.runs)
}

// syncEvery is how long a record may be safe against the death of the process only.
const syncEvery = time.Second

// Append adds a record, unless its run is there already, and returns what the index has of it. After an error the archive is as
// it was before. It is safe for use by several goroutines.
func (a *Archive) Append(r *result.Record) (Entry, error) {
	b, err := line(r)
	if err != nil {
		return Entry{}, err
	}
	compressed := a.codec.compress(b)
	e := entryOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.runs[e.Run]; ok {
		return e, nil
	}
	frame := append(prefix(compressed), compressed...)
	if err := a.write(a.records, frame, a.end); err != nil {
		return e, err
	}
	e.offset, e.length = a.end, int64(len(frame))
	if err := a.note(&e); err != nil {
		return e, errors.Join(err, a.records.Truncate(a.end))
	}
	a.end += e.length
	if time.Since(a.synced) >= syncEvery {
		return e, a.sync()
	}
	return e, nil
}

// write puts b at offset of a file, or leaves the file as it was up to there.
func (a *Archive) write(f *os.File, b []byte, offset int64) error {
	if _, err := f.WriteAt(b, offset); err != nil {
		return machine(fmt.Errorf("write to archive: %w", errors.Join(err, f.Truncate(offset))))
	}
	return nil
}

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
	b := a.names.encode(e)
	if err := a.write(a.index, b, a.indexed); err != nil {
		for s, i := range a.names.number { // what was not written is not known
			if i >= uint64(before) {
				delete(a.names.number, s)
			}
		}
		return err
	}
	a.indexed += int64(len(b))
	a.runs[e.Run] = struct{}{}
	return nil
}

// Sync makes what was appended durable against the death of the machine.
func (a *Archive) Sync() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sync()
}

func (a *Archive) sync() error {
	a.synced = time.Now()
	// The index can be made again; the records cannot.
	if err := a.records.Sync(); err != nil {
		return machine(fmt.Errorf("sync archive: %w", err))
	}
	return nil
}

// Close makes everything durable and lets go of the directory.
func (a *Archive) Close() error {
	if a == nil {
		return nil
	}
	return errors.Join(a.Sync(), a.undo.Close())
}

// Entries calls f for every record in the order of the file, with what the index has of it, which is valid during the call only.
func (a *Archive) Entries(f func(e *Entry) error) error {
	a.mu.Lock()
	end := a.indexed
	a.mu.Unlock()
	var k known
	_, err := scanIndex(io.NewSectionReader(a.index, 0, end), &k, f)
	return err
}

// Record reads the record of an entry.
func (a *Archive) Record(e *Entry) (*result.Record, error) {
	return readRecord(a.records, a.codec, e)
}

func readRecord(f io.ReaderAt, c *codec, e *Entry) (*result.Record, error) {
	compressed, _, err := readFrame(f, e.offset+e.length, e.offset)
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
