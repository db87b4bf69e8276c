package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Garbage is what [GC] removed.
type Garbage struct {
	Templates []string // names of directories
	Work      int      // directories that builds left which are gone
	Bytes     int64    // of disk space
}

var templateName = regexp.MustCompile(`^[0-9a-f]{24}$`)

// GC removes templates that no process has opened for longer than unused, and what was left by
// builds that did not end. Clones that run keep their template's files until they end. An
// empty dir means [DefaultDir]; one that does not exist holds no garbage.
func GC(dir string, unused time.Duration) (*Garbage, error) { return collect(dir, unused, true) }

// Unused returns what [GC] would remove, minus what builds that did not end have left: every
// run removes that.
func Unused(dir string, unused time.Duration) (*Garbage, error) { return collect(dir, unused, false) }

func collect(dir string, unused time.Duration, remove bool) (*Garbage, error) {
	c := Config{Dir: dir}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	g := &Garbage{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return nil, fmt.Errorf("collect garbage: %w", err)
	}
	if remove {
		g.Work = sweep(dir)
	}
	var errs []error
	for _, e := range entries {
		name := e.Name()
		if lock, ok := strings.CutSuffix(name, ".lock"); ok && templateName.MatchString(lock) {
			if remove {
				errs = append(errs, removeLock(dir, lock))
			}
			continue
		}
		info, err := e.Info()
		if err != nil || !e.IsDir() || !templateName.MatchString(name) || time.Since(info.ModTime()) < unused {
			continue
		}
		path := filepath.Join(dir, name)
		size := diskUsage(path)
		if remove {
			if err := removeTemplate(path); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		g.Templates = append(g.Templates, name)
		g.Bytes += size
		errs = append(errs, removeLock(dir, name))
	}
	return g, errors.Join(errs...)
}

// removeTemplate takes the description away first, so that a template is never half there.
func removeTemplate(path string) error {
	if err := os.Remove(filepath.Join(path, metaFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove template: %w", err)
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove template: %w", err)
	}
	return nil
}

// removeLock removes the lock file of a template that is gone and that no process is making.
func removeLock(dir, name string) error {
	if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
		return nil
	}
	path := filepath.Join(dir, name+".lock")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove lock: %w", err)
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	return os.Remove(path)
}

// diskUsage is what the files in a directory take on disk; memory files have holes.
func diskUsage(dir string) (bytes int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		var s unix.Stat_t
		if unix.Stat(filepath.Join(dir, e.Name()), &s) == nil {
			bytes += s.Blocks * 512
		}
	}
	return bytes
}
