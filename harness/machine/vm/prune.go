package vm

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Each build of the harness, and of each test binary, makes a template of its own, of about 100 MB. So the process that
// makes one removes the longest unused ones beyond keepBytes, but none that was opened within keepTime.
const (
	keepBytes = 6 << 30
	keepTime  = time.Hour
)

func prune(dir string, bytes int64, young time.Duration) error {
	type candidate struct {
		path string
		used time.Time
		size int64
	}
	var all []candidate
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && templateName.MatchString(e.Name()) {
			path := filepath.Join(dir, e.Name())
			all = append(all, candidate{path, info.ModTime(), diskUsage(path)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(b.used.UnixNano(), a.used.UnixNano()) })
	var errs []error
	for _, c := range all {
		if bytes -= c.size; bytes < 0 && time.Since(c.used) > young {
			errs = append(errs, removeTemplate(c.path), removeLock(dir, filepath.Base(c.path)))
		}
	}
	return errors.Join(errs...)
}

// MaxPrepared is how many prepared templates are kept. They are quickly made, and
// each takes some 100 MB.
const MaxPrepared = 8

// trim removes the prepared templates that were not used for longest, so that with the one in the directory
// keep there are at most MaxPrepared.
func trim(dir, keep string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // another time
	}
	type old struct {
		path string
		used time.Time
	}
	var list []old
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if path == keep || !e.IsDir() || !templateName.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		if m, err := readMeta(path); err == nil && m.Prepared != nil {
			list = append(list, old{path, info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b old) int { return b.used.Compare(a.used) })
	for i := MaxPrepared - 1; i < len(list); i++ {
		// Another process may be about to open it: that one makes it again.
		if removeTemplate(list[i].path) == nil {
			_ = removeLock(dir, filepath.Base(list[i].path))
		}
	}
}
