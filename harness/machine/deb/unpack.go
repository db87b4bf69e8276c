package deb

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
)

// Limits bound what a package may make us read, and say what else is refused. Sizes in bytes.
type Limits struct {
	Entries int   // entries of one archive
	File    int64 // one unpacked file
	Total   int64 // everything in one unpacked archive
	// Kind is what the archive should be, for messages: kernel package.
	Kind string
	// LinkForbidden tells whether an archive of this kind has a file at a name, and never a link. It may be nil.
	LinkForbidden func(name string) bool
}

// forbidden tells whether no link may be at name.
func (l Limits) forbidden(name string) bool { return l.LinkForbidden != nil && l.LinkForbidden(name) }

// ReadTar walks a tar archive, compressed or not, and refuses what no package
// contains and what an attacker would put there. Entries are checked before any of
// their contents is unpacked. Nothing is written here, and links are never made, so no
// entry can reach a place outside the store whatever it is called; names are checked
// all the same, because a package with such names is not what it claims to be.
func ReadTar(r io.Reader, lim Limits, visit func(*tar.Header, io.Reader) error) error {
	x, _, err := Expand(r, MaxWindow)
	if err != nil {
		return err
	}
	defer x.Close()
	all := &bounded{x, lim.Total}
	t := tar.NewReader(all)
	seen := map[string]byte{} // clean name → type
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return tarError(err, lim)
		}
		if err := checkEntry(h, seen, lim); err != nil {
			return err
		}
		if err := visit(h, &entryReader{t, lim}); err != nil {
			return err
		}
	}
	// The checksum of the compressed stream stands after the last entry.
	if _, err := io.Copy(io.Discard, all); err != nil {
		return tarError(err, lim)
	}
	return nil
}

// entryReader reads one entry, and words the archive's own errors.
type entryReader struct {
	in  io.Reader
	lim Limits
}

func (e *entryReader) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = tarError(err, e.lim)
	}
	return n, err
}

func tarError(err error, lim Limits) error {
	switch {
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("it unpacks to more than %d MiB: %w", lim.Total>>20, err)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("the tar archive is damaged: %w", err)
	}
	return err
}

// checkEntry refuses an entry that must not be there.
func checkEntry(h *tar.Header, seen map[string]byte, lim Limits) error {
	name, err := CleanName(h.Name)
	if err != nil {
		return err
	}
	if len(seen) >= lim.Entries {
		return fmt.Errorf("it has more than %d entries: %w", lim.Entries, ErrTooLarge)
	}
	if h.Size > lim.File {
		return fmt.Errorf("entry %q claims %d MiB, more than the %d MiB that a file of a %s may have: %w", h.Name,
			h.Size>>20, lim.File>>20, lim.Kind, ErrTooLarge)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if t, ok := seen[dir]; ok && t != tar.TypeDir {
			return fmt.Errorf("entry %q leads through %q, which is not a directory", h.Name, dir)
		}
	}
	if t, ok := seen[name]; ok && (t != tar.TypeDir || h.Typeflag != tar.TypeDir) {
		return fmt.Errorf("entry %q is there twice", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		// Absolute targets are normal in packages (build → /usr/src/linux-headers-…); those
		// that climb out of the package are not.
		if !path.IsAbs(h.Linkname) && !Inside(path.Join(path.Dir(name), h.Linkname)) {
			return fmt.Errorf("symbolic link %q points out of the package, to %q", h.Name, h.Linkname)
		}
		if lim.forbidden(name) {
			return fmt.Errorf("%q is a symbolic link, to %q, where a %s has a file", h.Name, h.Linkname, lim.Kind)
		}
	case tar.TypeLink:
		target, err := CleanName(h.Linkname)
		if err != nil {
			return fmt.Errorf("hard link %q: %w", h.Name, err)
		}
		if lim.forbidden(name) {
			return fmt.Errorf("%q is a hard link, to %q, where a %s has a file", h.Name, target, lim.Kind)
		}
	default:
		return fmt.Errorf("entry %q is a %s, which no %s contains", h.Name, TypeName(h.Typeflag), lim.Kind)
	}
	seen[name] = h.Typeflag
	return nil
}

// CleanName returns the name of an entry relative to the package's root, "." for the root.
func CleanName(name string) (string, error) {
	for _, r := range name {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return "", fmt.Errorf("entry name %q has a control character", name)
		}
	}
	if name == "" {
		return "", errors.New("an entry has an empty name")
	}
	if path.IsAbs(name) {
		return "", fmt.Errorf("entry name %q is absolute", name)
	}
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("entry name %q leads out of the package", name)
		}
	}
	return path.Clean(name), nil
}

// Inside tells whether a cleaned relative path stays below its root.
func Inside(p string) bool { return p != ".." && !strings.HasPrefix(p, "../") }

// TypeName says what a tar entry of an unusual type is.
func TypeName(t byte) string {
	switch t {
	case tar.TypeChar, tar.TypeBlock:
		return "device node"
	case tar.TypeFifo:
		return "named pipe"
	}
	return fmt.Sprintf("tar entry of type %q", t)
}
