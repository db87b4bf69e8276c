package vm

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Each build of the harness, and of each test binary, makes a template of its own, of about
// 100 MB. So whoever makes one removes the longest unused ones beyond keepBytes, but none
// that was opened within keepTime.
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
