package kernel

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// finish unpacks the image of packages and writes down what was found.
func (im *importer) finish() error {
	if err := im.complete(); err != nil {
		return err
	}
	compression, sum, size, err := im.unpackImage()
	if err != nil {
		return fmt.Errorf("vmlinuz of %s: %w", im.release, err)
	}
	slices.SortFunc(im.packages, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	k := &Kernel{Package: im.image, Packages: im.packages, Format: string(compression), Schema: schema}
	for _, p := range im.packages {
		if p.Name == im.image {
			k.Version = p.Version
		}
	}
	return im.describe(k, sum, size)
}

// describe writes down what was found. The kernel has what only its source can tell; size bytes of the image have the
// sum.
func (im *importer) describe(k *Kernel, sum hash.Hash, size int64) error {
	im.sums = append(im.sums, sumLine(imageFile, sum.Sum(nil)))
	im.size += size
	text, err := os.ReadFile(filepath.Join(im.dir, configFile))
	if err != nil {
		return err
	}
	slices.SortFunc(im.modules, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(im.builtin)
	index := moduleIndex{Modules: im.modules, Builtin: slices.Compact(im.builtin)}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := im.store(modulesFile, "", data); err != nil {
		return err
	}
	k.Release, k.Flavour, k.Arch = im.release, flavourOf(im.release), "amd64"
	k.ConfigHash, k.Hash = parseConfig(text).hash(), hashOf(im.sums)
	k.Modules, k.Size, k.ImageSize = len(im.modules), im.size, size
	data, err = json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	return im.store(metaFile, "", append(data, '\n'))
}

// complete makes sure that nothing is missing.
func (im *importer) complete() error {
	missing := func(what string) error {
		hint := "give it together with the other packages of the kernel: " + strings.Join(im.partners(), " ")
		switch {
		case len(im.partners()) > 0:
		case im.release != "":
			hint = fmt.Sprintf("give it together with linux-image-%s, or with linux-modules-%[1]s if the distribution has that",
				im.release)
		default:
			hint = "give a linux-image-RELEASE package, and linux-modules-RELEASE if the distribution has that"
		}
		return problem.Wrap(problem.Usage, errors.New(what), hint)
	}
	switch {
	case im.image == "" && im.debug:
		return problem.Wrap(problem.Usage, errors.New("it has debug symbols, but no kernel to boot"),
			"give the package of the same name without -dbg")
	case im.image == "" && len(im.found) == 0 && len(im.partners()) > 0:
		return missing("it contains no kernel, only references to other packages")
	case im.image == "":
		return missing("no kernel image (boot/vmlinuz-RELEASE) is in it")
	case im.found["configuration"] == "":
		return missing("no configuration (boot/config-" + im.release + ") is in it")
	}
	text, err := os.ReadFile(filepath.Join(im.dir, configFile))
	if err != nil {
		return err
	}
	if len(im.modules) == 0 && parseConfig(text).Has("MODULES") {
		return missing("no modules (lib/modules/" + im.release + ") are in it")
	}
	return nil
}

// partners returns the packages that the given ones depend on and that hold parts of a kernel.
func (im *importer) partners() []string {
	var names []string
	for _, d := range im.depends {
		name, _, _ := strings.Cut(strings.TrimSpace(d), " ")
		given := slices.ContainsFunc(im.packages, func(p Package) bool { return p.Name == name })
		if isPart(name) && !given && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (im *importer) unpackImage() (compression deb.Format, sum hash.Hash, size int64, err error) {
	packed := filepath.Join(im.dir, packedImage)
	f, err := os.Open(packed)
	if err != nil {
		return "", nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", nil, 0, err
	}
	img, err := openBootImage(f, info.Size())
	if err != nil {
		return "", nil, 0, err
	}
	if img.release != "" && img.release != im.release {
		return "", nil, 0, fmt.Errorf("it calls itself %q", img.release)
	}
	sum = sha256.New()
	size, err = im.write(imageFile, func(w io.Writer) error {
		compression, err = img.unpack(io.MultiWriter(w, sum), im.limits)
		return err
	})
	if err == nil {
		err = checkELF(filepath.Join(im.dir, imageFile))
	}
	if err == nil {
		err = os.Remove(packed)
	}
	return compression, sum, size, err
}
