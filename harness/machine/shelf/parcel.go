package shelf

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Pack writes files of a directory on the shelf, and what is below those that are directories, as a parcel that
// [Shelf.Unpack] reads: a tar archive under the directory's own name, compressed by zstd. Files that are not there are
// left out.
func Pack(w io.Writer, dir string, names ...string) (err error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	defer func() { err = errors.Join(err, t.Close(), z.Close()) }()
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(dir, name), func(file string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && file == filepath.Join(dir, name) {
				return nil
			}
			if err != nil || e.IsDir() {
				return err
			}
			return pack(t, filepath.Dir(dir), file)
		})
		if err != nil {
			return fmt.Errorf("pack %s: %w", dir, err)
		}
	}
	return nil
}

// pack adds a file, under its path from base.
func pack(t *tar.Writer, base, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	name, err := filepath.Rel(base, file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", name)
	}
	head := &tar.Header{Typeflag: tar.TypeReg, Name: filepath.ToSlash(name), Size: info.Size(), Mode: 0o644,
		Format: tar.FormatPAX}
	if err := t.WriteHeader(head); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// parcelDir is what directories on a shelf are called.
var parcelDir = regexp.MustCompile(`^[0-9a-f]{16,64}$`)

// Bounds of a parcel: a kernel of a distribution has some thousand modules.
const mostEntries = 50_000

// Unpack puts a parcel on the shelf, in a directory of the name that it had, and returns that. The parcel may come from
// anywhere: at most so many bytes are written, only plain files, and only below the directory. check is called before
// the directory gets its name.
func (s *Shelf) Unpack(ctx context.Context, r io.Reader, most int64, check func(staging string) error) (string, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return "", err
	}
	defer z.Close()
	t := tar.NewReader(z)
	head, err := t.Next()
	if err != nil {
		return "", fmt.Errorf("open the parcel: %w", err)
	}
	name, _, _ := strings.Cut(head.Name, "/")
	if !parcelDir.MatchString(name) {
		return "", fmt.Errorf("open the parcel: %.100q is not a directory of the %s store", name, s.What)
	}
	return s.Fill(ctx, name, func(staging string) error {
		for entries := 0; ; entries++ {
			if entries > mostEntries {
				return fmt.Errorf("the parcel has more than %d files", mostEntries)
			}
			if most -= head.Size; most < 0 {
				return errors.New("the parcel is too large")
			}
			if err := unpack(t, head, staging, name); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if head, err = t.Next(); errors.Is(err, io.EOF) {
				return check(staging)
			} else if err != nil {
				return fmt.Errorf("read the parcel: %w", err)
			}
		}
	})
}

// unpack writes one file of a parcel.
func unpack(t *tar.Reader, head *tar.Header, staging, name string) error {
	rest, ok := strings.CutPrefix(head.Name, name+"/")
	if !ok || !filepath.IsLocal(rest) || path.Clean(rest) != rest || head.Typeflag != tar.TypeReg {
		return fmt.Errorf("the parcel has %.100q, which is not a file below %s", head.Name, name)
	}
	to := filepath.Join(staging, filepath.FromSlash(rest))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, t, head.Size)
	return errors.Join(err, f.Close())
}
