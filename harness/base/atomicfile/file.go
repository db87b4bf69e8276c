// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unfinished begins the name of a file that is being written.
const unfinished = ".unfinished-"

// File puts data at path, with mode 0644, by way of a file beside it. That one is renamed when its contents are on the
// disk, and then the directory is made durable, too. After an error or a power cut what was at path before is still
// there, and nothing else is. Only a process that is killed may leave the other file: see [Clean].
func File(path string, data []byte) error {
	return Stream(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Stream is [File] for what is written bit by bit, to a buffer.
func Stream(path string, write func(io.Writer) error) error {
	if err := put(path, (*os.File).Sync, write); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Write is [Stream] for what can be made again: it does not wait for the disk, so that after a power cut the file may
// be empty.
func Write(path string, write func(io.Writer) error) error {
	return put(path, func(*os.File) error { return nil }, write)
}

// Rename gives a file or directory, whose contents are durable, another name, and makes that durable, too.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes the names in a directory durable: those of files that were made in it, renamed or removed. A file
// system that cannot do so, which says EINVAL, is taken to need no such thing.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Clean removes from a directory what processes that were killed have left of files. Only the one process that writes
// into the directory may call it.
func Clean(dir string) error {
	left, err := filepath.Glob(filepath.Join(escape(dir), unfinished+"*"))
	for _, path := range left {
		if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// escape writes a path so that Glob takes it literally.
func escape(path string) string {
	var b []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, path[i])
	}
	return string(b)
}

func put(path string, settle func(*os.File) error, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), unfinished+"*")
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
