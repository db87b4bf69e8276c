package kernel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// smallModule is up to how many bytes a module is unpacked in memory. Others, some graphics drivers and every bomb, go
// through a file.
const smallModule = 8 << 20

// importedModule is a module on its way into the store.
type importedModule struct {
	im   *importer
	name string // in the package
	size int64  // there, bytes
}

// moduleWindow is that of a module, which may be unpacked while its package is: modules are compressed with
// "xz --lzma2=dict=1MiB" and zstd's usual level, whose window is 2 MiB (scripts/Makefile.modinst); level 19 has 8 MiB.
const moduleWindow = 16 << 20

// A module is a tenth of its size when it is packed well. One that is less than a hundredth holds nothing but zeros.
const (
	mostPacked = 100
	alwaysFits = 1 << 20 // bytes
)

// store unpacks a module if it is packed, reads what it needs, and writes it as the store has it.
func (m *importedModule) store(packed io.Reader) error {
	if err := m.unpack(packed); err != nil {
		return fmt.Errorf("module %s: %w", m.name, err)
	}
	return nil
}

func (m *importedModule) unpack(packed io.Reader) error {
	x, _, err := deb.Expand(packed, moduleWindow)
	if err != nil {
		return err
	}
	defer x.Close()
	plain := deb.Bound(x, min(m.im.limits.module, alwaysFits+mostPacked*m.size))
	small, err := io.ReadAll(io.LimitReader(plain, smallModule+1))
	if err != nil {
		return err
	}
	if len(small) <= smallModule {
		if m.im.build {
			if small, err = withoutDebug(small); err != nil {
				return err
			}
		}
		sum := sha256.Sum256(small)
		return m.keep(bytes.NewReader(small), int64(len(small)), sum[:], func(w io.Writer) error {
			_, err := w.Write(m.im.encoder.EncodeAll(small, nil))
			return err
		})
	}
	return m.im.temporary(func(f *os.File) error {
		return m.through(f, io.MultiReader(bytes.NewReader(small), plain))
	})
}

// temporary calls use with a file that is gone afterwards.
func (im *importer) temporary(use func(f *os.File) error) error {
	f, err := os.CreateTemp(im.dir, "module-*")
	if err != nil {
		return err
	}
	err = use(f)
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// through keeps a long module by way of a file.
func (m *importedModule) through(f *os.File, plain io.Reader) error {
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), plain)
	if err != nil {
		return err
	}
	if m.im.build {
		return m.im.temporary(func(less *os.File) error {
			h := sha256.New()
			size, err := stripDebug(io.MultiWriter(less, h), f, size)
			if err != nil {
				return err
			}
			return m.keepFile(less, size, h.Sum(nil))
		})
	}
	return m.keepFile(f, size, h.Sum(nil))
}

// keepFile keeps a long module that is in a file.
func (m *importedModule) keepFile(f *os.File, size int64, sum []byte) error {
	return m.keep(f, size, sum, func(w io.Writer) error {
		z, err := newModuleEncoder(w)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, io.NewSectionReader(f, 0, size))
		return errors.Join(err, z.Close())
	})
}

// keep writes an unpacked module into the store, packed as write does it.
func (m *importedModule) keep(ko io.ReaderAt, size int64, sum []byte, write func(io.Writer) error) error {
	im := m.im
	im.mu.Lock()
	im.plain += size
	over := im.plain > im.limits.Total
	im.mu.Unlock()
	if over {
		return fmt.Errorf("with it the modules unpack to more than %d MiB: %w", im.limits.Total>>20, deb.ErrTooLarge)
	}
	info, err := readModuleInfo(ko)
	if err != nil {
		return err
	}
	if im.build && info.release != "" && info.release != im.release {
		return otherRelease(im.release, info.release)
	}
	made := module{Path: uncompressedPath(m.name), Needs: info.needs}
	n, err := im.write(path.Join(moduleDir, made.Path+".zst"), write)
	im.mu.Lock()
	defer im.mu.Unlock()
	im.modules = append(im.modules, made)
	im.sums = append(im.sums, sumLine(path.Join(moduleDir, made.Path), sum))
	im.size += n
	return err
}
