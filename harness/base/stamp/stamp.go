package stamp

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stamp is what tells a file from another one, and from what it was before it was changed.
type Stamp struct {
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`     // bytes
	Modified int64  `json:"modified"` // ns since 1970, of the content's last change, which users may set
	Changed  int64  `json:"changed"`  // ns since 1970, of the inode's last change
}

// step is the largest of a file system's clock: that of FAT, 2 s. Others have one of the kernel's
// ticks, up to 10 ms (current_time in fs/inode.c), or 1 s.
const step = 2 * time.Second

// Of returns an open file's stamp.
func Of(f *os.File) (Stamp, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return Stamp{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	//nolint:unconvert // it is an int32 on Darwin
	return Stamp{Device: uint64(s.Dev), Inode: s.Ino, Size: s.Size, Modified: s.Mtim.Nano(), Changed: s.Ctim.Nano()}, nil
}

// settled tells whether any change after a moment, in ns since 1970, shows in the stamp.
func (s Stamp) settled(at int64) bool {
	return at-max(s.Modified, s.Changed) > step.Nanoseconds()
}
