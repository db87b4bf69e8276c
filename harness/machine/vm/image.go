package vm

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// Image is an ext4 file system that the guest finds in its memory, read-only.
//
// The host writes it into the memory file before the boot, and the kernel is told that this memory keeps its content
// (memmap=SIZE!START, Documentation/admin-guide/kernel-parameters.txt). With DAX its files are executed where they are:
// an image costs the guest no memory and, whatever its size, about as many instructions as any other.
type Image struct {
	Name string // of the directory below [frame.ImageDir]
	Path string // of the file on the host
	Hash string // "sha256:…" that tells it from others, part of [Config.Key]
	Sum  string // "sha256:…" of the file; it is refused if it has another content
	Size int64  // bytes
}

const (
	// imageStart is where the first image is. Not at the end of memory: there QEMU puts the initramfs and tables of ACPI.
	imageStart = 128 << 20
	// imageAlign is what the kernel wants of the place and size of such a memory.
	imageAlign = 16 << 20
	// memoryLimit is the most memory below the hole for devices of both boards (pc_q35_init, microvm_memory_init in
	// QEMU's hw/i386).
	memoryLimit = 3 << 30
)

// span is how much memory an image takes.
func (i *Image) span() uint64 { return (uint64(i.Size) + imageAlign - 1) / imageAlign * imageAlign }

// imageSpan is how much memory all images take.
func (c *Config) imageSpan() (sum uint64) {
	for _, i := range c.Images {
		sum += i.span()
	}
	return sum
}

// places says where each image is.
func (c *Config) places() (list []frame.Place) {
	at := uint64(imageStart)
	for _, i := range c.Images {
		list = append(list, frame.Place{Name: i.Name, Start: at, Size: i.span()})
		at += i.span()
	}
	return list
}

// checkImages refuses images that do not fit.
func (c *Config) checkImages() error {
	if sum := c.memory(); len(c.Images) > 0 && sum > memoryLimit {
		return problem.Wrap(problem.Usage, fmt.Errorf("images of %d MiB and a memory of %d MiB do not fit into %d MiB",
			c.imageSpan()>>20, (sum-c.imageSpan())>>20, memoryLimit>>20),
			"take files or packages out of the images, or lower machine.memory")
	}
	return nil
}

// imageFile tells the guest of the images.
func (c *Config) imageFile() ([]byte, error) { return json.Marshal(c.places()) }

// placeImages writes the images into the memory file, and leaves holes where they are empty.
func (c *Config) placeImages(ram *os.File) error {
	zero, buf := make([]byte, pageSize*64), make([]byte, pageSize*64)
	for n, place := range c.places() {
		sum := sha256.New()
		f, err := os.Open(c.Images[n].Path)
		if err != nil {
			return fmt.Errorf("open image %s: %w", place.Name, err)
		}
		defer f.Close()
		for at := int64(place.Start); ; {
			k, err := io.ReadFull(f, buf)
			sum.Write(buf[:k])
			if k > 0 && !bytes.Equal(buf[:k], zero[:k]) {
				if _, err := ram.WriteAt(buf[:k], at); err != nil {
					return err
				}
			}
			at += int64(k)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				if read := at - int64(place.Start); read != c.Images[n].Size {
					return fmt.Errorf("image %s has %d bytes and should have %d", place.Name, read, c.Images[n].Size)
				}
				if got := fmt.Sprintf("sha256:%x", sum.Sum(nil)); got != c.Images[n].Sum {
					return problem.Wrap(problem.Machine, fmt.Errorf("image %s in the store is damaged: %s has the hash %s",
						place.Name, c.Images[n].Path, got), "remove it, and it is made anew: ruleout image remove "+c.Images[n].Hash)
				}
				break
			}
			if err != nil {
				return fmt.Errorf("read image %s: %w", place.Name, err)
			}
		}
	}
	return nil
}
