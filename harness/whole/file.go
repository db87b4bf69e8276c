// Package whole writes files that appear whole or not at all.
package whole

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// File puts data at path, with mode 0644, by way of a file beside it that is renamed when its contents are on the disk: after an error or a power cut what was at
// path before is still there, and nothing else is. Only a process that is killed may leave the other file, whose name begins with a dot.
func File(path string, data []byte) error {
	return put(path, (*os.File).Sync, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is File for what is written bit by bit, to a buffer, and can be made again: it does not wait for the disk, so that after a power cut the file may
// be empty.
func Write(path string, write func(io.Writer) error) error {
	return put(path, func(*os.File) error { return nil }, write)
}

func put(path string, settle func(*os.File) error, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".unfinished-*")
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(f)
	if err = write(buffered); err == nil {
		err = errors.Join(buffered.Flush(), f.Chmod(0o644), settle(f))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
