package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// installed finds modules that were installed: in a directory lib/modules/RELEASE, or in one that has it.
func (p *buildParts) installed(dir string) error {
	const hint = "give lib/modules/RELEASE, or the directory of make modules_install INSTALL_MOD_PATH=DIR"
	if info, err := os.Stat(dir); err != nil {
		return importFault(dir, shelf.Pathless(err), hint)
	} else if !info.IsDir() {
		return importFault(dir, errors.New("it is no directory"), hint)
	}
	if isDir(filepath.Join(dir, "arch")) { // a source tree
		p.from, p.builtin = dir, isThere(filepath.Join(dir, "modules.builtin"))
		return p.ordered(dir)
	}
	found := ""
	var others []string
	for _, below := range []string{"usr/lib/modules", "lib/modules", "modules", ""} {
		if isDir(filepath.Join(dir, below, p.image.release)) {
			found = filepath.Join(dir, below, p.image.release)
		}
		if below != "" {
			others = append(others, subdirectories(filepath.Join(dir, below))...)
		}
	}
	switch {
	case found != "":
	case isDir(filepath.Join(dir, "kernel")), filepath.Base(dir) == p.image.release:
		found = dir
	case len(others) > 0:
		return importFault(dir, fmt.Errorf("it has the modules of %s, and the image is %s", names(others), p.image.release),
			problem.HintOf(otherRelease("", "")))
	default:
		return importFault(dir, fmt.Errorf("it has no modules of %s", p.image.release), hint)
	}
	p.from = found
	err := filepath.WalkDir(found, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(found, file)
		if err != nil || !isModule(rel) || d.IsDir() {
			return err
		}
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			return err
		}
		p.modules = append(p.modules, moduleFile{file, filepath.ToSlash(rel)})
		return nil
	})
	if err != nil {
		return importFault(found, err, hint)
	}
	p.builtin = isThere(filepath.Join(found, "modules.builtin"))
	return nil
}

// Files of a source tree, or of its O= directory.
const (
	treeImage   = "arch/x86/boot/bzImage"
	treeConfig  = ".config"
	treeModules = "modules.order"
)

// findTree finds the parts of a kernel in a built source tree.
func findTree(tree string) (_ *buildParts, err error) {
	p := &buildParts{from: tree, again: "in the tree: make modules"}
	p.config = filepath.Join(tree, treeConfig)
	if info, err := os.Stat(tree); err != nil {
		return nil, importFault(tree, shelf.Pathless(err), "--tree is a kernel's source tree that was built")
	} else if !info.IsDir() || !isFile(p.config) {
		return nil, importFault(tree,
			errors.New("it has no "+treeConfig+", so it is no kernel's source tree, or not configured"),
			"configure and build it first; for a build with O=DIR, give DIR")
	}
	image := filepath.Join(tree, treeImage)
	if !isFile(image) {
		for _, other := range []string{"arch/arm64/boot/Image", "arch/riscv/boot/Image", "arch/arm/boot/zImage"} {
			if isFile(filepath.Join(tree, other)) {
				return nil, importFault(tree, fmt.Errorf("it has %s and no %s, and the guest is amd64", other, treeImage),
					"build it with ARCH=x86_64")
			}
		}
		return nil, importFault(tree, fmt.Errorf("it is not built: there is no %s", treeImage),
			"in the tree: make bzImage modules; for a build with O=DIR, give DIR")
	}
	if p.image, err = openImage(image); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.image.Close())
		}
	}()
	// The release of the last make, which an image that was not made again does not have.
	if text, err := os.ReadFile(filepath.Join(tree, "include/config/kernel.release")); err == nil {
		if release := strings.TrimSpace(string(text)); release != p.image.release {
			return nil, importFault(image, fmt.Errorf("it is %s, and the tree is %s by now", p.image.release, release),
				"in the tree: make bzImage modules")
		}
	}
	p.builtin = isThere(filepath.Join(tree, "modules.builtin"))
	return p, p.ordered(tree)
}

// ordered finds the modules that a tree lists in modules.order: kernel/net/x.ko up to Linux 5.2, then net/x.ko, and
// net/x.o since 6.3.
func (p *buildParts) ordered(tree string) error {
	order := filepath.Join(tree, treeModules)
	f, err := openFile(order)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // without modules; what is needed is looked for later
	}
	if err != nil {
		return importFault(order, err, p.again)
	}
	defer f.Close()
	missing := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".o"), ".ko") + ".ko"
		file := filepath.Join(tree, filepath.FromSlash(name))
		if rest, ok := strings.CutPrefix(name, "kernel/"); ok && !isFile(file) {
			name, file = rest, filepath.Join(tree, filepath.FromSlash(rest))
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return importFault(order, fmt.Errorf("%q leads out of the tree", name), p.again)
		}
		if !isFile(file) {
			missing++
		}
		p.modules = append(p.modules, moduleFile{file, path.Join("kernel", name)})
	}
	if missing > 0 {
		return importFault(tree, fmt.Errorf("%d of the %d modules in %s are not built", missing, len(p.modules), treeModules),
			p.again)
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// isThere returns the name of a file, or nothing if there is none.
func isThere(name string) string {
	if !isFile(name) {
		return ""
	}
	return name
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// subdirectories returns the names of those of a directory, which need not be there.
func subdirectories(dir string) (list []string) {
	entries, _ := os.ReadDir(dir) // what cannot be read has none
	for _, e := range entries {
		if isDir(filepath.Join(dir, e.Name())) {
			list = append(list, e.Name())
		}
	}
	return list
}

// names joins words for a message.
func names(list []string) string { return strings.Join(list, ", ") }
