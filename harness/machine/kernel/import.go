package kernel

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// importer takes the packages of one kernel apart into a staging directory, or puts a build together there.
type importer struct {
	dir     string
	limits  limits
	encoder *zstd.Encoder
	build   bool // modules lose their debugging information, and have to be of the image's release

	file     string // the package being read
	control  deb.Control
	packages []Package
	release  string            // of what was found so far
	from     string            // the package that told the release
	image    string            // name of the package with the image, empty if there was none
	found    map[string]string // what was found once → the package it was in
	depends  []string          // Depends of all packages, for hints
	debug    bool              // debug symbols were seen
	builtin  []string

	work    *errgroup.Group // modules on their way to the store
	mu      sync.Mutex      // guards the rest, which work writes
	modules []module
	plain   int64    // bytes of all modules, unpacked
	sums    []string // "sha256 path" of image, configuration and modules
	size    int64
}

// unpack imports the packages into staging.
func (s *Store) unpack(ctx context.Context, files []*debFile, staging string) error {
	encoder, err := newModuleEncoder(nil)
	if err != nil {
		return err
	}
	defer encoder.Close() //nolint:errcheck // EncodeAll leaves nothing behind
	im := &importer{dir: staging, limits: s.limits, encoder: encoder, found: map[string]string{}}
	for _, f := range files {
		if err := im.add(ctx, f); err != nil {
			return importError(f.path, err)
		}
	}
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	if err := im.finish(); err != nil {
		return importError(strings.Join(names, ", "), err)
	}
	return nil
}

// importError names the file, and says whose fault it is.
func importError(file string, err error) error {
	op := "import " + file
	if kind := problem.KindOf(storeError(op, err)); kind == problem.Machine {
		return storeError(op, err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", op, err)
	}
	hint := problem.HintOf(err)
	var t *deb.Truncated
	if errors.As(err, &t) || hint == "" {
		hint = "the file is damaged or not a kernel package: download it again, for example with: " +
			"apt-get download linux-image-RELEASE"
	}
	return problem.Wrap(problem.Usage, fmt.Errorf("%s: %w", op, err), hint)
}

// add takes one package apart.
func (im *importer) add(ctx context.Context, f *debFile) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	im.file = f.path
	// One worker and a short queue beside the reader: XZ, the bottleneck, has one thread.
	im.work, ctx = errgroup.WithContext(ctx)
	im.work.SetLimit(2)
	err := deb.Read(deb.Until(ctx, f), im.limits.Limits, func(c deb.Control) error { return im.begin(c, f.sum) }, im.visit)
	// A failed worker cancels the context: its error is the cause.
	if werr := im.work.Wait(); werr != nil {
		return werr
	}
	return err
}

// begin looks at a package's control fields.
func (im *importer) begin(c deb.Control, sum string) error {
	// "all" is what meta-packages may be; their lack of a kernel is found out later.
	if arch := c["Architecture"]; arch != "amd64" && arch != "all" {
		return problem.Wrap(problem.Usage, fmt.Errorf("package %s is for %s, and the guest is amd64", c["Package"], arch),
			"get its amd64 build")
	}
	im.control = c
	im.packages = append(im.packages, Package{Name: c["Package"], Version: c["Version"], SHA256: sum})
	im.depends = append(im.depends, strings.Split(c["Depends"], ",")...)
	return nil
}

// visit takes what is needed of an entry.
func (im *importer) visit(h *tar.Header, r io.Reader) error {
	name, err := deb.CleanName(h.Name)
	if err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	name = strings.TrimPrefix(name, "usr/")
	if release, ok := strings.CutPrefix(name, "boot/vmlinuz-"); ok {
		return im.bootImage(release, r)
	}
	if release, ok := strings.CutPrefix(name, "boot/config-"); ok {
		return im.config(release, r)
	}
	if strings.HasPrefix(name, "lib/debug/") {
		im.debug = true
	}
	rest, ok := strings.CutPrefix(name, "lib/modules/")
	release, rest, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return nil
	}
	switch {
	case rest == "vmlinuz":
		return im.bootImage(release, r)
	case rest == "config":
		return im.config(release, r)
	case rest == "modules.builtin":
		return im.builtins(release, r)
	case isModule(rest):
		return im.module(release, rest, h.Size, r)
	}
	return nil
}

// sameRelease makes sure that all parts are of one kernel.
func (im *importer) sameRelease(release string) error {
	if !validRelease.MatchString(release) {
		return fmt.Errorf("%q is not a kernel release", release)
	}
	if im.release != "" && im.release != release {
		return problem.Wrap(problem.Usage, fmt.Errorf("it is of kernel %s, while %s is of %s", release, im.from, im.release),
			"import one kernel at a time")
	}
	if im.release == "" {
		im.release, im.from = release, im.file
	}
	return nil
}

// once makes sure that a part comes from one package only, and tells whether it is new.
// One package may have it in two places, below /boot and below /lib/modules.
func (im *importer) once(release, part string) (first bool, err error) {
	if err := im.sameRelease(release); err != nil {
		return false, err
	}
	other, ok := im.found[part]
	if ok && other != im.file {
		return false, problem.Wrap(problem.Usage, fmt.Errorf("it has the %s, and so has %s", part, other),
			"give every package of one build once")
	}
	im.found[part] = im.file
	return !ok, nil
}

const packedImage = "vmlinuz"

func (im *importer) bootImage(release string, r io.Reader) error {
	if first, err := im.once(release, "kernel image"); !first {
		return err
	}
	im.image = im.control["Package"]
	_, err := im.write(packedImage, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
	return err
}

func (im *importer) config(release string, r io.Reader) error {
	if first, err := im.once(release, "configuration"); !first {
		return err
	}
	text, err := deb.ReadAll(r, 16<<20)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if c := parseConfig(text); c["X86_64"] != "y" {
		return errors.New("its configuration is not for an amd64 kernel: CONFIG_X86_64 is not set")
	}
	return im.store(configFile, configFile, text)
}

func (im *importer) builtins(release string, r io.Reader) error {
	if first, err := im.once(release, "modules.builtin"); !first {
		return err
	}
	text, err := deb.ReadAll(r, 16<<20)
	if err != nil {
		return fmt.Errorf("modules.builtin: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			im.builtin = append(im.builtin, moduleName(line))
		}
	}
	return nil
}

func (im *importer) module(release, name string, size int64, r io.Reader) error {
	if strings.Contains(path.Dir(name), ".ko") { // it would be in the way of a module's own file
		return fmt.Errorf("module %s is in a directory with the name of a module", name)
	}
	first, err := im.once(release, "module "+uncompressedPath(name))
	if err != nil {
		return err
	}
	if !first {
		return fmt.Errorf("module %s is there twice", uncompressedPath(name))
	}
	data, err := io.ReadAll(io.LimitReader(r, smallModule+1))
	if err != nil {
		return fmt.Errorf("module %s: %w", name, err)
	}
	m := &importedModule{im: im, name: name, size: size}
	if len(data) > smallModule {
		return m.store(io.MultiReader(bytes.NewReader(data), r)) // here and now, so that only one is in memory
	}
	im.work.Go(func() error { return m.store(bytes.NewReader(data)) })
	return nil
}

// store writes a small file and adds it to the kernel's hash, under id if that is not empty.
func (im *importer) store(file, id string, data []byte) error {
	n, err := im.write(file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	im.mu.Lock()
	defer im.mu.Unlock()
	im.size += n
	if id != "" {
		sum := sha256.Sum256(data)
		im.sums = append(im.sums, sumLine(id, sum[:]))
	}
	return err
}

// write makes a file below the staging directory, whose name the importer has chosen or
// checked, and returns its size.
func (im *importer) write(name string, fill func(io.Writer) error) (int64, error) {
	file := filepath.Join(im.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	c := &counter{out: f}
	err = errors.Join(fill(c), f.Close())
	return c.n, err
}

type counter struct {
	out io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.n += int64(n)
	return n, err
}
