package kernel

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// Files of a kernel's directory.
const (
	metaFile    = "kernel.json"
	imageFile   = "vmlinux"
	configFile  = "config"
	modulesFile = "modules.json"
	moduleDir   = "modules"
)

// Versions of the layout; a directory of another version is as good as absent. A build has one of its own, so that
// earlier versions of ruleout do not take it for a package of its release.
const (
	schema      = 1
	schemaBuild = 2
)

// Package is a package that a kernel came from.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the .deb, hexadecimal
}

// Origin says which build a kernel is.
type Origin struct {
	// Name that it was given.
	Name string `json:"name"`
	// Banner is what the image says after its release: who built it, where, how often and when. It may be empty.
	Banner string `json:"banner"`
	// Generation counts the builds that had the name, from 1 on. The newest one counts.
	Generation int `json:"generation"`
}

// Kernel is one imported kernel. Its methods may be called concurrently. Removing it
// from the store while it is in use makes them fail.
type Kernel struct {
	// Name is unique within the store: the name that a build was given, or the release, with the package's version after
	// an underscore where several kernels share a release.
	Name string `json:"-"`
	// Build is set for a kernel that was not in a package.
	Build   *Origin `json:"build,omitempty"`
	Release string  `json:"release"` // as uname -r prints it: 6.1.0-56-cloud-amd64
	Flavour string  `json:"flavour"` // cloud, generic, rt, …: what remains of the release
	Version string  `json:"version"` // of the package: 6.1.192-2; of a build the release
	Package string  `json:"package"` // the one that brought the image: linux-image-6.1.0-56-cloud-amd64; empty of a build
	Arch    string  `json:"arch"`    // amd64
	// ConfigHash is "sha256:…" of the options that are set, in order; comments do not count.
	ConfigHash string `json:"config_hash"`
	// Hash is "sha256:…" of image, configuration and modules, uncompressed: equal hashes
	// boot equal machines, however the kernel was packaged.
	Hash     string    `json:"hash"`
	Packages []Package `json:"packages"` // all that were imported, by name
	Format   string    `json:"format"`   // compression that the image came in: LZ4, XZ, zstd, gzip, or empty
	Modules  int       `json:"modules"`  // loadable modules
	Size     int64     `json:"size"`     // bytes in the store
	Dir      string    `json:"-"`

	ImageSize int64 `json:"image_size"` // bytes of vmlinux
	Schema    int   `json:"schema"`

	loadModules func() (*moduleIndex, error)
	loadConfig  func() (Config, error)
}

// load reads the kernel in dir. It fails for anything but a complete kernel.
func load(dir string) (*Kernel, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if err != nil {
		return nil, err
	}
	k := &Kernel{Dir: dir}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, metaFile), err)
	}
	if k.Schema != schema && (k.Schema != schemaBuild || k.Build == nil) {
		return nil, fmt.Errorf("%s: %w", dir, shelf.ErrForeign)
	}
	// A power cut may have left files without contents after a complete directory.
	if info, err := os.Stat(k.Image()); err != nil {
		return nil, err
	} else if info.Size() != k.ImageSize {
		return nil, fmt.Errorf("%s has %d bytes instead of %d", k.Image(), info.Size(), k.ImageSize)
	}
	k.Name = k.Release
	if k.Build != nil {
		k.Name = k.Build.Name
	}
	k.loadModules = sync.OnceValues(k.readModules)
	k.loadConfig = sync.OnceValues(func() (Config, error) {
		text, err := os.ReadFile(k.ConfigFile())
		if err != nil {
			return nil, damaged(k, err)
		}
		return parseConfig(text), nil
	})
	return k, nil
}

// String returns the name.
func (k *Kernel) String() string { return k.Name }

// Image returns the path of the uncompressed ELF image, vmlinux.
func (k *Kernel) Image() string { return filepath.Join(k.Dir, imageFile) }

// ConfigFile returns the path of the configuration, as the package had it.
func (k *Kernel) ConfigFile() string { return filepath.Join(k.Dir, configFile) }

// Config returns the configuration.
func (k *Kernel) Config() (Config, error) { return k.loadConfig() }

// HasConfig tells whether an option is built in or a module; the prefix CONFIG_ may be left out.
func (k *Kernel) HasConfig(name string) bool {
	c, err := k.Config()
	return err == nil && c.Has(name)
}

// BTF returns the image's type information, the raw .BTF section
// (Documentation/bpf/btf.rst), for btf.LoadSpecFromReader.
func (k *Kernel) BTF() ([]byte, error) {
	data, err := sectionOfFile(k.Image(), ".BTF")
	if err != nil {
		return nil, damaged(k, fmt.Errorf("read BTF of %s: %w", k.Image(), err))
	}
	if len(data) == 0 {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("kernel %s has no type information (.BTF)", k.Name),
			"choose a kernel built with CONFIG_DEBUG_INFO_BTF, such as Debian's since 5.10")
	}
	return data, nil
}

func (k *Kernel) modules() (*moduleIndex, error) { return k.loadModules() }

func (k *Kernel) readModules() (*moduleIndex, error) {
	text, err := os.ReadFile(filepath.Join(k.Dir, modulesFile))
	if err != nil {
		return nil, damaged(k, err)
	}
	var x moduleIndex
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, damaged(k, fmt.Errorf("read %s: %w", filepath.Join(k.Dir, modulesFile), err))
	}
	x.index()
	return &x, nil
}

// damaged classifies an error from reading a stored kernel.
func damaged(k *Kernel, err error) error {
	return problem.Wrap(problem.Machine, fmt.Errorf("kernel %s in the store is damaged: %w", k.Name, err),
		"remove "+k.Dir+" and import the kernel again")
}
