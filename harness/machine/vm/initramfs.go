package vm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// archive writes a cpio archive in the "newc" form that the kernel unpacks as its first
// root directory (Documentation/driver-api/early-userspace/buffer-format.rst). It is
// uncompressed, since the guest's instructions are more expensive than the host's memory, and
// holds no times and no owners: equal contents give equal bytes.
type archive struct {
	w    *bufio.Writer
	n    int64 // bytes written
	ino  int
	dirs map[string]bool
}

const (
	modeDir  = 0o040755
	modeFile = 0o100755
	modeChar = 0o020600
)

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriterSize(w, 1<<20), dirs: map[string]bool{".": true, "": true}}
}

func (a *archive) pad() {
	for ; a.n%4 != 0; a.n++ {
		_ = a.w.WriteByte(0) // bufio.Writer keeps its first error for Flush
	}
}

func (a *archive) header(name string, mode, nlink int, size int64, major, minor int) {
	a.ino++
	n, _ := fmt.Fprintf(a.w, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.ino, mode, 0, 0, nlink, 0, size, 0, 0, major, minor, len(name)+1, 0, name)
	a.n += int64(n)
	a.pad()
}

// dir adds a directory and those above it.
func (a *archive) dir(name string) {
	if a.dirs[name] {
		return
	}
	a.dir(path.Dir(name))
	a.dirs[name] = true
	a.header(name, modeDir, 2, 0, 0, 0)
}

func (a *archive) device(name string, major, minor int) {
	a.dir(path.Dir(name))
	a.header(name, modeChar, 1, 0, major, minor)
}

func (a *archive) file(name string, size int64, r io.Reader) error {
	a.dir(path.Dir(name))
	a.header(name, modeFile, 1, size, 0, 0)
	n, err := io.Copy(a.w, r)
	a.n += n
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes instead of %d", n, size)
	}
	if err != nil {
		return fmt.Errorf("add %s to the initramfs: %w", name, err)
	}
	a.pad()
	return nil
}

func (a *archive) bytes(name string, data []byte) error {
	return a.file(name, int64(len(data)), strings.NewReader(string(data)))
}

// close ends the archive. Fixed padding is not needed: the kernel reads up to the trailer.
func (a *archive) close() error {
	a.header("TRAILER!!!", 0, 1, 0, 0, 0)
	if err := a.w.Flush(); err != nil {
		return fmt.Errorf("write the initramfs: %w", err)
	}
	return nil
}

// writeInitramfs writes the guest's root directory: init, its arguments, modules in load
// order, and the extra files.
func writeInitramfs(w io.Writer, c *Config) error {
	a := newArchive(w)
	for _, d := range []string{"dev", "proc", "sys", "tmp", "run"} {
		a.dir(d)
	}
	a.device("dev/console", 5, 1) // init's standard streams, before devtmpfs is there
	if err := c.Init.copyTo(a, "init"); err != nil {
		return err
	}
	if len(c.Args) > 0 {
		args, err := json.Marshal(c.Args)
		if err != nil {
			return err
		}
		if err := a.bytes(strings.TrimPrefix(frame.ArgsFile, "/"), args); err != nil {
			return err
		}
	}
	order, err := c.Kernel.ModuleOrder(c.modules()...)
	if err != nil {
		return err
	}
	for i, module := range order {
		ko, err := c.Kernel.ReadModule(module)
		if err != nil {
			return err
		}
		base, _, _ := strings.Cut(path.Base(module), ".")
		name := fmt.Sprintf("%s/%03d-%s.ko", strings.TrimPrefix(frame.ModuleDir, "/"), i, base)
		if err := a.bytes(name, ko); err != nil {
			return err
		}
	}
	if len(c.Images) > 0 {
		list, err := c.imageFile()
		if err != nil {
			return err
		}
		if err := a.bytes(strings.TrimPrefix(frame.ImageFile, "/"), list); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		clean := strings.TrimPrefix(path.Clean("/"+name), "/")
		if clean == "" || clean == "init" {
			return fmt.Errorf("add %q to the initramfs: the name is taken", name)
		}
		if err := a.bytes(clean, c.Files[name]); err != nil {
			return err
		}
	}
	return a.close()
}
