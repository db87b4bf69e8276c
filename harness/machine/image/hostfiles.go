package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// hostFile is a file, directory or link of the user's, as it goes into an image.
type hostFile struct {
	to   string // in the image
	path string // on the host
	kind byte
	exec bool
	link string
	sum  string // of a file's contents
}

// line is what a file adds to the key of an image.
func (h hostFile) line() string {
	return fmt.Sprintf("%c %t %q %q %s", h.kind, h.exec, h.to, h.link, h.sum)
}

// hostFiles lists what Files bring, sorted by where it goes; directories before what is in them.
func (s *Store) hostFiles(ctx context.Context, files map[string]string) ([]hostFile, error) {
	var list []hostFile
	for _, to := range slices.Sorted(maps.Keys(files)) {
		from := files[to]
		root, err := filepath.EvalSymlinks(from) // what is named may be a link; what is below it stays one
		if err != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("file %s of the image: %w", to, err),
				"paths are relative to where the command runs, or to the scenario")
		}
		err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if len(list) >= s.limits.entries {
				return fmt.Errorf("%s has more than %d entries", from, s.limits.entries)
			}
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			h := hostFile{to: path.Join(to, filepath.ToSlash(rel)), path: p}
			if err := s.describe(ctx, &h, d); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			list = append(list, h)
			return nil
		})
		if err != nil {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("file %s of the image: %w", to, err),
				"give files, directories and symbolic links that you can read")
		}
	}
	return list, nil
}

func (s *Store) describe(ctx context.Context, h *hostFile, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return shelf.Pathless(err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		h.kind = 'd'
	case mode.IsRegular():
		h.kind, h.exec = 'f', mode&0o111 != 0
		if info.Size() > s.limits.size {
			return fmt.Errorf("it has %d MiB: %w", info.Size()>>20, deb.ErrTooLarge)
		}
		h.sum, err = s.sum(ctx, h.path)
	case mode&fs.ModeSymlink != 0:
		h.kind = 'l'
		h.link, err = os.Readlink(h.path)
	default:
		return errors.New("neither a file nor a directory nor a symbolic link")
	}
	return shelf.Pathless(err)
}

// largeFile is from how many bytes on a file's hash is remembered.
const largeFile = 4 << 20

// sum returns the hash of a file on the host.
func (s *Store) sum(ctx context.Context, file string) (string, error) {
	// O_NONBLOCK: a named pipe must not keep us waiting.
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() >= largeFile {
		if sum, err := s.stamps().Hash(f); err == nil {
			return strings.TrimPrefix(sum, "sha256:"), nil
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
	h := sha256.New()
	if _, err := io.Copy(h, deb.Until(ctx, f)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// addFiles lays the files of the user's onto the tree.
func (b *build) addFiles(ctx context.Context, files []hostFile) error {
	for _, h := range files {
		n := &node{kind: h.kind, mode: 0o755, link: h.link, from: "files"}
		switch h.kind {
		case 'd':
			n.children = map[string]*node{}
			if there := b.tree.get(h.to); there != nil && there.kind == 'd' {
				continue // with the owner and mode that the package gave it
			}
		case 'l':
			n.mode = 0o777
		case 'f':
			if there := b.tree.get(h.to); there != nil && there.kind == 'd' {
				return problem.Wrap(problem.Usage, fmt.Errorf("put %s at %s in the image: there is a directory", h.path, h.to),
					"name the file in it: "+path.Join(h.to, filepath.Base(h.path)))
			}
			if !h.exec {
				n.mode = 0o644
			}
			if err := b.addFile(ctx, h, n); err != nil {
				return fmt.Errorf("%s: %w", h.path, err)
			}
		}
		if err := b.tree.put(h.to, n, true); err != nil {
			return problem.Wrap(problem.Usage, fmt.Errorf("put %s at %s in the image: %w", h.path, h.to, err),
				"choose another place in the image")
		}
	}
	return nil
}

func (b *build) addFile(ctx context.Context, h hostFile, n *node) error {
	f, err := os.Open(h.path)
	if err != nil {
		return shelf.Pathless(err)
	}
	defer f.Close()
	sum := sha256.New()
	if n.data, err = b.spool.add(io.TeeReader(deb.Until(ctx, f), sum)); err != nil {
		return b.spoolError(h.to, err)
	}
	if fmt.Sprintf("%x", sum.Sum(nil)) != h.sum {
		return problem.Wrap(problem.Machine, errors.New("it changed while the image was being made"), "try again")
	}
	return nil
}
