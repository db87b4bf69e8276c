package vm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// Config is everything that goes into a template. Two equal configurations give templates
// with equal memory, byte for byte.
type Config struct {
	QEMU   QEMU
	Kernel *kernel.Kernel
	// Machine is the board that is emulated; empty means that one which works is found by
	// trying, and remembered for this QEMU and kernel.
	Machine Machine
	// Init becomes the guest's first process and calls [guest.Main].
	Init *Program
	// Args are the arguments of the guest's worker after its name.
	Args []string
	// Memory of the guest in bytes, a multiple of 1 MiB, 128 MiB to 3 GiB. 0 means [DefaultMemory].
	Memory uint64
	// Shift is the speed of the emulated CPU: an instruction takes 2^Shift ns, 0 to 10.
	Shift int
	// Modules are loaded before the freeze. nil means [frame.DefaultModules].
	Modules []string
	// Images are file systems in the guest's memory, besides Memory, in the order of their places.
	Images []Image
	// Files are put into the guest's root directory, by absolute path.
	Files map[string][]byte
	// Once has templates made once each, where otherwise a second one shows that they repeat. It
	// is for those who compare nothing across machines, and no part of the key.
	Once bool
	// loud has the kernel print all that it has to say, to find out why it does not boot.
	loud bool
	// Dir holds the templates. Empty means "templates" in the user's cache directory.
	Dir string
}

// DefaultMemory is the size of a guest, bytes.
const DefaultMemory = 384 << 20

// recipe is raised whenever a template would differ for a reason that is not in Config.
const recipe = 6

// memory is the size of the guest's memory with the images.
func (c *Config) memory() uint64 {
	if c.Memory == 0 {
		return DefaultMemory + c.imageSpan()
	}
	return c.Memory + c.imageSpan()
}

func (c *Config) machine() Machine {
	if c.Machine == "" {
		return MicroVM
	}
	return c.Machine
}

func (c *Config) modules() []string {
	list := c.Modules
	if list == nil {
		list = frame.DefaultModules
	}
	if len(c.Images) > 0 {
		list = slices.Concat(list, frame.ImageModules)
	}
	return list
}

func (c *Config) dir() (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	return DefaultDir()
}

// DefaultDir returns the directory of templates in the user's cache directory.
func DefaultDir() (string, error) {
	cache, err := kernel.CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "templates"), nil
}

func (c *Config) check() error {
	if err := c.checkImages(); err != nil {
		return err
	}
	switch m := c.memory() - c.imageSpan(); {
	case m%(1<<20) != 0:
		return problem.Wrap(problem.Usage, fmt.Errorf("guest memory of %d bytes", m), "give a multiple of 1 MiB")
	case m < 128<<20:
		return problem.Wrap(problem.Usage, fmt.Errorf("guest memory of %d MiB", m>>20), "a guest needs at least 128 MiB")
	case m > memoryLimit: // what is more is above a hole, which nothing here has needed
		return problem.Wrap(problem.Usage, fmt.Errorf("guest memory of %d MiB", m>>20), "a guest may have at most 3072 MiB")
	case c.Shift < 0 || c.Shift > 10:
		return problem.Wrap(problem.Usage, fmt.Errorf("machine speed of %d ns an instruction", 1<<max(c.Shift, 0)),
			"the shift is 0 to 10")
	case c.Kernel == nil:
		return fmt.Errorf("open a template: no kernel is given")
	case c.Init == nil:
		return fmt.Errorf("open a template: no init is given")
	}
	return nil
}

// Key names what the configuration produces: "sha256:…" of QEMU's files (program, modules and firmware) and version,
// the machine, the kernel, init, modules, files and the command line. Configurations with equal keys share a template;
// runs in it with equal payloads and entropy have equal outcomes.
func (c *Config) Key() (string, error) {
	qemu, err := c.QEMU.sums(c.machine())
	if err != nil {
		return "", err
	}
	files := make(map[string]string, len(c.Files))
	for name, data := range c.Files {
		files[name] = hashBytes(data)
	}
	images := make([]string, len(c.Images))
	for n, i := range c.Images {
		images[n] = i.Name + " " + i.Hash
	}
	// Maps are encoded in the order of their keys.
	text, err := json.Marshal(map[string]any{
		"recipe": recipe, "qemu": qemu, "version": c.QEMU.Version, "kernel": c.Kernel.Hash, "init": c.Init.hash,
		"args": c.Args, "modules": c.modules(), "files": files, "images": images,
		"command": c.arguments(plan{bios: firmware[c.machine()][0], ram: "ram", initramfs: "initramfs", image: "vmlinux"}),
	})
	if err != nil {
		return "", err
	}
	return hashBytes(text), nil
}

func hashBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
