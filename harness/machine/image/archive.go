package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// archive is where an OCI image is: a directory, or a tar archive that is read where it lies.
type archive struct {
	dir   string            // a layout directory, or
	file  *os.File          // an archive,
	parts map[string]part   // its files by name,
	same  map[string]string // and its links
}

// part is where a file of an archive is.
type part struct{ at, size int64 }

// mostParts is how many files an archive of an image may have: each layer is one, and at most 127 have been seen.
const mostParts = 10_000

// openArchive opens an OCI archive or layout. An archive that is compressed as a whole is unpacked into a file in work.
func openArchive(ctx context.Context, name, work string, lim limits) (*archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, shelf.Pathless(err)
	}
	if info.IsDir() {
		return &archive{dir: name}, nil
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("neither a file nor a directory")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, shelf.Pathless(err)
	}
	a := &archive{file: f, parts: map[string]part{}, same: map[string]string{}}
	if err := a.unpack(ctx, work, lim); err != nil {
		return nil, errors.Join(err, a.close())
	}
	if err := a.list(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *archive) close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// unpack replaces a compressed archive by an unpacked copy.
func (a *archive) unpack(ctx context.Context, work string, lim limits) error {
	x, format, err := deb.Expand(deb.Until(ctx, a.file), deb.MaxWindow)
	if err != nil {
		return err
	}
	defer x.Close()
	if format == deb.Plain {
		_, err := a.file.Seek(0, io.SeekStart)
		return err
	}
	f, err := os.Create(filepath.Join(work, "archive"))
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, deb.Bound(x, lim.total)); err != nil {
		return errors.Join(err, f.Close())
	}
	a.file.Close()
	a.file = f
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// list finds the files of the archive.
func (a *archive) list(ctx context.Context) error {
	t := tar.NewReader(a.file) // which reads no further than a header, and seeks over contents
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("no OCI image, or damaged: %w", err)
		}
		name, err := deb.CleanName(h.Name)
		if err != nil {
			return err
		}
		if len(a.parts)+len(a.same) >= mostParts {
			return fmt.Errorf("it has more than %d files: %w", mostParts, deb.ErrTooLarge)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := a.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			a.parts[name] = part{at, h.Size}
		case tar.TypeSymlink: // docker save before 25 links layers that are equal
			a.same[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			a.same[name] = path.Clean(h.Linkname)
		}
	}
	return nil
}

// open opens a file of the image. Its name is relative.
func (a *archive) open(name string) (io.ReadCloser, error) {
	name, err := deb.CleanName(name)
	if err != nil {
		return nil, err
	}
	if a.file == nil {
		f, err := os.Open(filepath.Join(a.dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, shelf.Pathless(err))
		}
		return f, nil
	}
	for range 8 {
		if p, ok := a.parts[name]; ok {
			return io.NopCloser(io.NewSectionReader(a.file, p.at, p.size)), nil
		}
		to, ok := a.same[name]
		if !ok {
			break
		}
		name = to
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// mostJSON is how long a manifest or a configuration may be, bytes; registries allow 4 MiB.
const mostJSON = 4 << 20

// json reads a manifest or the like whole.
func (a *archive) json(name string) ([]byte, error) {
	r, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := deb.ReadAll(r, mostJSON)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// ociSum returns a hash of an OCI image's contents. That of a layout directory is of the file that has the hashes of
// all others.
func (s *Store) ociSum(ctx context.Context, name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return s.sum(ctx, name)
	}
	a := &archive{dir: name}
	for _, file := range []string{"index.json", "manifest.json"} {
		text, err := a.json(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return fmt.Sprintf("%x", sha256.Sum256(text)), err
	}
	return "", fmt.Errorf("%s has no index.json: it is no OCI layout", strings.TrimSuffix(name, "/"))
}
