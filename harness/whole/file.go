// Package whole writes files that appear whole or not at all.
package whole

import (
	"errors"
	"os"
	"path/filepath"
)

// File puts data at path, with mode 0644, by way of a file beside it that is renamed when its contents are on the disk: after an error or a power cut what was at
// path before is still there, and nothing else is. Only a process that is killed may leave the other file, whose name begins with a dot.
func File(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".unfinished-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
