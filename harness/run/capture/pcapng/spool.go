package pcapng

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/run/capture"
	"github.com/ruleout/ruleout/harness/scenario"
)

// Spool keeps the content of rings on disk, in files without a name, until it is known which run
// they belong to. Its directory is where the captures will be, so that it
// is known before the run whether anything can be written there.
type Spool struct {
	dir   string
	snap  int
	raw   map[int]*rawFile
	taken *capture.Taken
}

// Open makes a spool for captures in dir, which is made if it is missing. snap is the most bytes that
// are kept of a packet. The caller closes it.
func Open(dir string, snap int) (*Spool, error) {
	if snap < capture.MinSnap || snap > capture.Whole {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("a snap length of %d bytes: it is %d to %d", snap, capture.MinSnap,
			capture.Whole), "0 keeps whole packets")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unwritable(fmt.Errorf("make the directory for captures: %w", err))
	}
	s := &Spool{dir: dir, snap: snap, raw: map[int]*rawFile{}}
	f, err := s.unnamed()
	if err != nil {
		return nil, unwritable(fmt.Errorf("write a capture: %w", err))
	}
	// A byte is written because a full disk still lets empty files be made.
	_, err = f.Write([]byte{'\n'})
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, unwritable(fmt.Errorf("write a capture: %w", err))
	}
	return s, nil
}

// Discard is a spool that keeps nothing: for a run that has to be as it was when it was captured.
func Discard(snap int) *Spool { return &Spool{snap: snap} }

func unwritable(err error) error {
	return problem.Wrap(problem.Machine, err, "give another directory with --pcap DIR")
}

// Snap is the most bytes that are kept of a packet.
func (s *Spool) Snap() int { return s.snap }

// unnamed makes a file that is gone when it is closed, however this process ends.
func (s *Spool) unnamed() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, ".capture-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// rawFile is the content of a ring. It takes everything, so that a disk that is full costs the
// capture and not the run too; the error is kept.
type rawFile struct {
	file *os.File
	err  error
}

func (r *rawFile) Write(b []byte) (int, error) {
	if r.err == nil {
		_, r.err = r.file.Write(b)
	}
	return len(b), nil
}

// mostLinks is how many rings a spool takes at most, each a file that is kept open.
const mostLinks = 4096

// Ring returns what takes the content of a link's ring.
func (s *Spool) Ring(link int) (io.Writer, error) {
	if s.dir == "" {
		return io.Discard, nil
	}
	if _, ok := s.raw[link]; ok || link < 0 || link >= mostLinks {
		return nil, fmt.Errorf("take a capture: there is no link %d, or it was handed over already", link)
	}
	r := new(rawFile)
	r.file, r.err = s.unnamed()
	s.raw[link] = r
	return r, nil
}

// Take notes what the rings are said to hold.
func (s *Spool) Take(t *capture.Taken) { s.taken = t }

// File is a capture that was written.
type File struct {
	Path string
	// Packets in the file, at all points, and those for which its ring of Room bytes had no room.
	Packets, Lost, Room int64
}

// Write makes a pcapng file of each ring. All of them appear, whole, or none does.
func (s *Spool) Write(ctx context.Context, sc *scenario.Scenario, o Origin) (files []File, err error) {
	if s.taken == nil || len(s.taken.Wires) != len(sc.Links) {
		return nil, errors.New("write captures: the run has left none")
	}
	var temporary []string
	defer func() {
		for _, name := range temporary {
			_ = os.Remove(name) // those that were renamed are not there any more
		}
	}()
	names := FileNames(sc)
	for i := range sc.Links {
		w := s.taken.Wires[i]
		name, n, err := s.writeOne(ctx, &wireFile{
			scenario: sc, link: i, snap: s.snap, origin: o, begin: s.taken.Begin, wire: w, points: capture.Points(sc, i),
		})
		if name != "" {
			temporary = append(temporary, name)
		}
		if err != nil {
			return nil, unwritable(fmt.Errorf("write capture %s: %w", names[i], err))
		}
		files = append(files, File{Path: filepath.Join(s.dir, names[i]), Packets: n, Lost: w.AllLost(), Room: w.Room})
	}
	for i := range files {
		if err := os.Rename(temporary[i], files[i].Path); err != nil {
			for _, f := range files[:i] {
				_ = os.Remove(f.Path)
			}
			return nil, unwritable(fmt.Errorf("write capture: %w", err))
		}
	}
	if err := atomicfile.SyncDir(s.dir); err != nil { // the files are on the disk, and now their names are
		return nil, unwritable(fmt.Errorf("write capture: %w", err))
	}
	return files, nil
}

// writeOne writes a file under a temporary name.
func (s *Spool) writeOne(ctx context.Context, f *wireFile) (name string, n int64, err error) {
	raw := s.raw[f.link]
	if raw == nil {
		return "", 0, errors.New("its packets were not handed over")
	}
	if raw.err != nil {
		return "", 0, raw.err
	}
	f.raw = raw.file
	to, err := os.CreateTemp(s.dir, ".capture-*")
	if err != nil {
		return "", 0, err
	}
	n, err = f.write(ctx, to)
	if err == nil {
		err = to.Chmod(0o644)
	}
	if err == nil {
		err = to.Sync()
	}
	return to.Name(), n, errors.Join(err, to.Close())
}

// FileNames are those of the captures of a scenario's links, in their order. A name of a node may hold two dashes, so
// two links might come to one name; the later one then has its number in it.
func FileNames(s *scenario.Scenario) []string {
	list := make([]string, len(s.Links))
	taken := map[string]bool{}
	for i, l := range s.Links {
		name := l.Between[0] + "--" + l.Between[1]
		if taken[name] {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		taken[name] = true
		list[i] = name + ".pcapng"
	}
	return list
}

// Close frees what the spool holds. It may be nil.
func (s *Spool) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, r := range s.raw {
		if r.file != nil {
			errs = append(errs, r.file.Close())
		}
	}
	s.raw = nil
	return errors.Join(errs...)
}
