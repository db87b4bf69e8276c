package bench

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/ruleout/ruleout/harness/machine/kernel"
)

// workPrefix begins the names of the directories that measurements work in, in the cache.
const workPrefix = "bench-"

// longest is how old a measurement's directory may be. None takes that long.
const longest = 24 * time.Hour

// Leftovers removes the directories of measurements that did not end in order, and
// returns their paths. With dryRun they stay.
func Leftovers(dryRun bool) ([]string, error) {
	cache, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	found, err := filepath.Glob(filepath.Join(cache, workPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var left []string
	var errs []error
	for _, dir := range found {
		if info, err := os.Stat(dir); err != nil || time.Since(info.ModTime()) < longest {
			continue
		}
		left = append(left, dir)
		if !dryRun {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return left, errors.Join(errs...)
}
