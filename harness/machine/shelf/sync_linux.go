package shelf

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncAll writes what is in the file system of an open directory to the disk.
func syncAll(dir *os.File) error { return unix.Syncfs(int(dir.Fd())) }
