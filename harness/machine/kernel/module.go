package kernel

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// module is one loadable module, as modules.json has it.
type module struct {
	Path string `json:"path"` // below lib/modules/RELEASE, without compression suffix: kernel/net/sched/sch_netem.ko
	// Needs are the names of the modules that this one takes symbols from, as .modinfo has them.
	Needs []string `json:"needs,omitempty"`
}

// moduleIndex is the contents of modules.json.
type moduleIndex struct {
	Modules []module `json:"modules"` // sorted by path
	Builtin []string `json:"builtin"` // names, sorted

	byName map[string]*module
}

// moduleName returns the name under which the kernel knows a module file: it has no
// dashes, whatever the file is called (kernel's scripts/Makefile.lib, name-fix).
func moduleName(file string) string {
	name := path.Base(file)
	for _, suffix := range []string{".xz", ".zst", ".gz"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return strings.ReplaceAll(strings.TrimSuffix(name, ".ko"), "-", "_")
}

// isModule tells whether a file of a package is a module.
func isModule(file string) bool {
	for _, suffix := range []string{".ko", ".ko.xz", ".ko.zst", ".ko.gz"} {
		if strings.HasSuffix(file, suffix) {
			return true
		}
	}
	return false
}

// uncompressedPath strips a compression suffix from a module's path.
func uncompressedPath(file string) string {
	i := strings.LastIndex(file, ".ko")
	return file[:i+len(".ko")]
}

// moduleInfo is what an uncompressed module says of itself.
type moduleInfo struct {
	needs   []string // modules that it takes symbols from
	release string   // of the kernel that it was built for; empty if it does not say
}

// readModuleInfo reads the .modinfo section of a module.
func readModuleInfo(ko io.ReaderAt) (info moduleInfo, err error) {
	text, err := sectionOf(ko, ".modinfo")
	if err != nil {
		return info, err
	}
	if text == nil {
		return info, fmt.Errorf("it has no .modinfo section")
	}
	for field := range strings.SplitSeq(string(text), "\x00") {
		key, value, _ := strings.Cut(field, "=")
		switch {
		case key == "depends" && value != "" && info.needs == nil:
			for need := range strings.SplitSeq(value, ",") {
				info.needs = append(info.needs, moduleName(need))
			}
		case key == "vermagic":
			info.release, _, _ = strings.Cut(value, " ")
		}
	}
	return info, nil
}

func (x *moduleIndex) index() {
	x.byName = make(map[string]*module, len(x.Modules)+len(x.Builtin))
	for _, name := range x.Builtin {
		x.byName[moduleName(name)] = nil
	}
	// Where two files have one name, the last one counts: kernel/… gives way to updates/….
	for i := range x.Modules {
		x.byName[moduleName(x.Modules[i].Path)] = &x.Modules[i]
	}
}

// order returns the paths of the named modules and of all that they need, each after
// those that it needs.
func (x *moduleIndex) order(names []string) ([]string, error) {
	var paths []string
	done := map[string]bool{}
	var visit func(name, by string) error
	visit = func(name, by string) error {
		name = moduleName(name)
		if done[name] {
			return nil
		}
		done[name] = true // before its needs, so that a cycle in a damaged package ends
		m, known := x.byName[name]
		if !known && by != "" {
			return fmt.Errorf("module %s needs module %s, which is neither there nor built in", by, name)
		}
		if !known {
			return fmt.Errorf("no module %s, neither loadable nor built in%s", name, didYouMean(name, x.names()))
		}
		if m == nil {
			return nil
		}
		for _, need := range m.Needs {
			if err := visit(need, name); err != nil {
				return err
			}
		}
		paths = append(paths, m.Path)
		return nil
	}
	for _, name := range names {
		if err := visit(name, ""); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (x *moduleIndex) names() []string {
	names := make([]string, 0, len(x.byName))
	for name := range x.byName {
		names = append(names, name)
	}
	return names
}

// ModuleOrder returns the paths of the named modules and of everything that they need,
// in an order in which they can be loaded; give each to [Kernel.ReadModule]. In names,
// dashes and underscores are the same. Built-in modules are left out. The error for a
// module that the kernel does not have is a [problem.Machine]: another kernel may have it.
//
// The order depends on nothing but the package and names, including their order.
func (k *Kernel) ModuleOrder(names ...string) ([]string, error) {
	x, err := k.modules()
	if err != nil {
		return nil, err
	}
	paths, err := x.order(names)
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("kernel %s: %w", k.Name, err),
			"choose a kernel that has it; where modules are split over several packages, "+
				"import all of them (linux-modules-extra on Ubuntu)")
	}
	return paths, nil
}

// HasModule tells whether the kernel has a module of this name, loadable or built in.
func (k *Kernel) HasModule(name string) bool {
	x, err := k.modules()
	if err != nil {
		return false
	}
	_, ok := x.byName[moduleName(name)]
	return ok
}

// ReadModule returns an uncompressed module, ready for finit_module or init_module(2).
// Its path is one that [Kernel.ModuleOrder] returned.
func (k *Kernel) ReadModule(path string) ([]byte, error) {
	x, err := k.modules()
	if err != nil {
		return nil, err
	}
	if m := x.byName[moduleName(path)]; m == nil || m.Path != path {
		return nil, fmt.Errorf("kernel %s: no module file %s", k.Name, path)
	}
	return k.readModule(path)
}

func (k *Kernel) readModule(path string) ([]byte, error) {
	file := filepath.Join(k.Dir, moduleDir, filepath.FromSlash(path)+".zst")
	f, err := os.Open(file)
	if err != nil {
		return nil, damaged(k, err)
	}
	defer f.Close()
	r, _, err := deb.Expand(f, moduleWindow)
	if err != nil {
		return nil, damaged(k, fmt.Errorf("read %s: %w", file, err))
	}
	defer r.Close()
	ko, err := deb.ReadAll(r, defaultLimits.module)
	if err != nil {
		return nil, damaged(k, fmt.Errorf("read %s: %w", file, err))
	}
	return ko, nil
}

// newModuleEncoder returns an encoder for modules in the store. With nil it is safe for concurrent use of EncodeAll.
func newModuleEncoder(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(2), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(true))
}
