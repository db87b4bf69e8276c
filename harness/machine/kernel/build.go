package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Build is a kernel that the user built, without a package around it.
type Build struct {
	// Name that it gets in the store: a letter, and then up to 63 letters, digits and any of . _ + -.
	Name string
	// Image is a bzImage (arch/x86/boot/bzImage, vmlinuz) or a vmlinux. Modules is lib/modules/RELEASE, or what
	// "make modules_install INSTALL_MOD_PATH=" filled; it may be empty if all that a run needs is built in. Config is
	// the configuration; if empty, it is looked for beside the other two.
	Image, Modules, Config string
	// Tree is a built source tree, or its O= directory, in place of these.
	Tree string
	// Replace has the build take the place of one of the same name.
	Replace bool
}

// buildName is what a build may be called. A name that begins with a digit would look like a release.
var buildName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._+-]{0,63}$`)

// AddBuild imports a kernel that was built and not packaged. Copied are the image, its configuration and all modules
// without their debugging information; what else is in the directories is not looked at.
//
// An error of the files or the name is a [problem.Usage], one of the store's file system a [problem.Machine]; either
// way nothing is left behind, and a build that was to be replaced is still there.
func (s *Store) AddBuild(ctx context.Context, b Build) (*Kernel, error) {
	if !buildName.MatchString(b.Name) {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("import a kernel: %q cannot be its name", b.Name),
			"a name is a letter, and then up to 63 letters, digits and any of . _ + -; "+
				"one that begins with a digit would look like a release")
	}
	if err := s.free(b); err != nil {
		return nil, err
	}
	parts, err := b.find()
	if err != nil {
		return nil, err
	}
	defer parts.image.Close()
	for {
		generation := s.generation(b.Name) + 1
		filled := false
		dir, err := s.shelf().Fill(ctx, buildDir(b.Name, generation), func(staging string) error {
			filled = true
			return s.unpackBuild(ctx, parts, Origin{Name: b.Name, Generation: generation}, staging)
		})
		if err != nil {
			return nil, err
		}
		if !filled { // another process was faster
			if err := s.free(b); err != nil {
				return nil, err
			}
			continue
		}
		for _, old := range s.generations(b.Name, generation) {
			if err := s.shelf().Remove(old); err != nil {
				return nil, storeError("remove the build that kernel "+b.Name+" replaces", err)
			}
		}
		return s.named(dir)
	}
}

// free makes sure that the name of a build is not taken.
func (s *Store) free(b Build) error {
	if b.Replace || s.generation(b.Name) == 0 {
		return nil
	}
	return problem.Wrap(problem.Usage, fmt.Errorf("import a kernel: %s is in the store already", b.Name),
		"replace it with --replace, remove it with ruleout kernel remove "+b.Name+", or choose another name")
}

// buildDir is the name of the directory for a build.
func buildDir(name string, generation int) string {
	return fmt.Sprintf("build-%s-%d", name, generation)
}

// generation returns the newest generation of the builds of a name, 0 if there is none.
func (s *Store) generation(name string) (newest int) {
	s.eachBuild(name, func(k *Kernel) { newest = max(newest, k.Build.Generation) })
	return newest
}

// generations returns the directories of the builds of a name that are older than a generation.
func (s *Store) generations(name string, before int) (dirs []string) {
	s.eachBuild(name, func(k *Kernel) {
		if k.Build.Generation < before {
			dirs = append(dirs, k.Dir)
		}
	})
	return dirs
}

// eachBuild visits the builds of a name, replaced ones that were not removed yet among them.
func (s *Store) eachBuild(name string, visit func(*Kernel)) {
	found, err := filepath.Glob(filepath.Join(s.dir, "build-"+name+"-*"))
	if err != nil {
		return // a name has no characters of a pattern
	}
	for _, dir := range found {
		if k, err := load(dir); err == nil && k.Build != nil && k.Build.Name == name {
			visit(k)
		}
	}
}

// newestBuilds leaves out what is about to be removed: builds that were replaced.
func newestBuilds(kernels []*Kernel) []*Kernel {
	newest := map[string]int{}
	for _, k := range kernels {
		if k.Build != nil {
			newest[k.Build.Name] = max(newest[k.Build.Name], k.Build.Generation)
		}
	}
	return slices.DeleteFunc(kernels, func(k *Kernel) bool {
		return k.Build != nil && k.Build.Generation < newest[k.Build.Name]
	})
}

// buildParts is where the parts of a build are.
type buildParts struct {
	image   *imageSource
	config  string // path
	builtin string // path of modules.builtin, or empty
	from    string // directory that the modules are from, or empty
	modules []moduleFile
	again   string // how to build what is missing, for hints
}

// moduleFile is a module of a build.
type moduleFile struct {
	path string
	name string // below lib/modules/RELEASE: kernel/net/sched/sch_netem.ko
}

// find looks for the parts of a build, and makes sure that they can be of one kernel.
func (b *Build) find() (*buildParts, error) {
	if b.Tree != "" {
		return findTree(b.Tree)
	}
	image, err := openImage(b.Image)
	if err != nil {
		return nil, err
	}
	p := &buildParts{image: image, again: "make modules_install INSTALL_MOD_PATH=DIR fills a directory for --modules"}
	if b.Modules != "" {
		err = p.installed(b.Modules)
	}
	if err == nil {
		p.config, err = b.findConfig(p)
	}
	if err != nil {
		return nil, errors.Join(err, image.Close())
	}
	return p, nil
}

// findConfig finds the configuration of an image: as named, or beside the image or the modules.
func (b *Build) findConfig(p *buildParts) (string, error) {
	candidates := []string{b.Config}
	if b.Config == "" {
		dir := filepath.Dir(b.Image)
		candidates = []string{
			filepath.Join(dir, "config-"+p.image.release), filepath.Join(dir, "config"), filepath.Join(dir, ".config"),
			filepath.Join(dir, "../../../.config"), // of arch/x86/boot/bzImage
		}
		if p.from != "" {
			candidates = append(candidates, filepath.Join(p.from, "config"), filepath.Join(p.from, "build/.config"))
		}
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() {
			return c, nil
		}
	}
	if b.Config != "" {
		return "", importFault(b.Config, fs.ErrNotExist, "--config is the .config that the kernel was built with")
	}
	return "", importFault(b.Image, fmt.Errorf("no configuration is beside it: none of %s", names(candidates)),
		"give the .config that the kernel was built with: --config FILE")
}

// importFault is an error of a file of a build.
func importFault(file string, err error, hint string) error {
	return problem.Wrap(problem.Usage, fmt.Errorf("import %s: %w", file, err), hint)
}

// otherRelease says that image and modules are of two builds.
func otherRelease(image, modules string) error {
	return problem.Wrap(problem.Usage, fmt.Errorf("it is for kernel %s, and the image is %s", modules, image),
		"build image and modules from one tree: make bzImage modules")
}
