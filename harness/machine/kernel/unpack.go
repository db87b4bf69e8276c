package kernel

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
)

// limits bound what a package may make us read and write. Sizes in bytes.
type limits struct {
	entries int   // entries of one archive
	file    int64 // one unpacked file
	total   int64 // everything in one unpacked archive, and all unpacked modules of a kernel
	module  int64 // one unpacked module
	image   int64 // the unpacked kernel image
}

// defaultLimits leave room for the largest packages around: Debian's generic kernel
// has 4,000 modules and 450 MB, Ubuntu's linux-modules-extra 6,000 and 600 MB.
var defaultLimits = limits{
	entries: 50_000,
	file:    512 << 20,
	total:   1 << 30,
	module:  128 << 20,
	image:   512 << 20,
}

// readTar walks a tar archive, compressed or not, and refuses what no kernel package
// contains and what an attacker would put there. Entries are checked before any of
// their contents is unpacked. Nothing is written here, and links are never made, so no
// entry can reach a place outside the store whatever it is called; names are checked
// all the same, because a package with such names is not what it claims to be.
func readTar(r io.Reader, lim limits, visit func(*tar.Header, io.Reader) error) error {
	x, _, err := expand(r, maxWindow)
	if err != nil {
		return err
	}
	defer x.close()
	all := &bounded{x, lim.total}
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
	lim limits
}

func (e *entryReader) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = tarError(err, e.lim)
	}
	return n, err
}

func tarError(err error, lim limits) error {
	switch {
	case errors.Is(err, errTooLarge):
		return fmt.Errorf("it unpacks to more than %d MiB: %w", lim.total>>20, err)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("the tar archive is damaged: %w", err)
	}
	return err
}

// checkEntry refuses an entry that must not be there.
func checkEntry(h *tar.Header, seen map[string]byte, lim limits) error {
	name, err := cleanName(h.Name)
	if err != nil {
		return err
	}
	if len(seen) >= lim.entries {
		return fmt.Errorf("it has more than %d entries: %w", lim.entries, errTooLarge)
	}
	if h.Size > lim.file {
		return fmt.Errorf("entry %q claims %d MiB, more than the %d MiB that a kernel's file may have: %w", h.Name,
			h.Size>>20, lim.file>>20, errTooLarge)
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
		if !path.IsAbs(h.Linkname) && !inside(path.Join(path.Dir(name), h.Linkname)) {
			return fmt.Errorf("symbolic link %q points out of the package, to %q", h.Name, h.Linkname)
		}
		if linkForbidden(name) {
			return fmt.Errorf("%q is a symbolic link, to %q, where a kernel package has a file", h.Name, h.Linkname)
		}
	case tar.TypeLink:
		target, err := cleanName(h.Linkname)
		if err != nil {
			return fmt.Errorf("hard link %q: %w", h.Name, err)
		}
		if linkForbidden(name) {
			return fmt.Errorf("%q is a hard link, to %q, where a kernel package has a file", h.Name, target)
		}
	default:
		return fmt.Errorf("entry %q is a %s, which no kernel package contains", h.Name, typeName(h.Typeflag))
	}
	seen[name] = h.Typeflag
	return nil
}

// linkForbidden tells whether name lies where files are taken from. The links to the
// sources in a module directory are the exception.
func linkForbidden(name string) bool {
	name = strings.TrimPrefix(name, "usr/")
	rest, modules := strings.CutPrefix(name, "lib/modules")
	if parts := strings.Split(rest, "/"); modules && len(parts) == 3 && (parts[2] == "build" || parts[2] == "source") {
		return false
	}
	return modules || name == "boot" || name == "lib" || strings.HasPrefix(name, "boot/")
}

// cleanName returns the name of an entry relative to the package's root, "." for the root.
func cleanName(name string) (string, error) {
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

// inside tells whether a cleaned relative path stays below its root.
func inside(p string) bool { return p != ".." && !strings.HasPrefix(p, "../") }

func typeName(t byte) string {
	switch t {
	case tar.TypeChar, tar.TypeBlock:
		return "device node"
	case tar.TypeFifo:
		return "named pipe"
	}
	return fmt.Sprintf("tar entry of type %q", t)
}
