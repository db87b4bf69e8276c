package shelf

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// top is what the directory is called in a parcel. Its name on the shelf may say what it was made of, which nobody can
// verify elsewhere.
const top = "parcel/"

// Pack writes files of a directory on the shelf, and what is below those that are directories, as a parcel that
// [Shelf.Unpack] reads: a tar archive, compressed by zstd. Files that are not there are left out.
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
			return pack(t, dir, file)
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
	head := &tar.Header{Typeflag: tar.TypeReg, Name: top + filepath.ToSlash(name), Size: info.Size(), Mode: 0o644,
		Format: tar.FormatPAX}
	if err := t.WriteHeader(head); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// Digits returns the hexadecimal digits of "sha256:…", which name what was verified by its hash. The hash may come from
// anywhere.
func Digits(hash string) (string, error) {
	digits, ok := strings.CutPrefix(hash, "sha256:")
	if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%.80q is not a hash", hash)
	}
	return digits, nil
}

// mostEntries bounds a parcel: a kernel of a distribution has some thousand modules. Tests have a smaller bound.
var mostEntries = 50_000

// Unpack puts a parcel on the shelf, in a directory of this name, and returns that. The parcel may come from anywhere:
// at most so many bytes are written, only plain files, and only below the directory. check is called before the
// directory gets its name.
func (s *Shelf) Unpack(ctx context.Context, name string, r io.Reader, most int64, check func(staging string) error) (
	dir string, err error,
) {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return "", err
	}
	defer z.Close()
	t := tar.NewReader(z)
	return s.Fill(ctx, name, func(staging string) error {
		for entries := 0; ; entries++ {
			head, err := t.Next()
			switch {
			case errors.Is(err, io.EOF) && entries > 0:
				if err := drain(z); err != nil {
					return fmt.Errorf("read the parcel: %w", err)
				}
				return check(staging)
			case err != nil:
				return fmt.Errorf("read the parcel: %w", err)
			case entries >= mostEntries:
				return fmt.Errorf("the parcel has more than %d files", mostEntries)
			case head.Size > most:
				return errors.New("the parcel is too large")
			}
			most -= head.Size
			if err := unpack(t, head, staging); err != nil {
				return s.Error("read the parcel", err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	})
}

// drain reads what is behind the end of an archive, at most its padding, and with it the checksum.
func drain(r io.Reader) error {
	const padding = 1 << 20
	if n, err := io.Copy(io.Discard, io.LimitReader(r, padding)); err != nil {
		return err
	} else if n == padding {
		return errors.New("it has something behind its end")
	}
	return nil
}

// unpack writes one file of a parcel.
func unpack(t *tar.Reader, head *tar.Header, staging string) error {
	rest, ok := strings.CutPrefix(head.Name, top)
	if !ok || rest == "." || !filepath.IsLocal(rest) || path.Clean(rest) != rest || head.Typeflag != tar.TypeReg {
		return fmt.Errorf("it has %.100q, which is not a file below %s", head.Name, top)
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
