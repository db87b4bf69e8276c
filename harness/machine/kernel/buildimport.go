package kernel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// buildLimits bound what is read of a build. Files of one's own are trusted more than packages: with debugging
// information, a graphics driver alone has half a GiB.
var buildLimits = limits{Limits: defaultLimits.Limits, module: 2 << 30, image: 4 << 30}

// unpackBuild copies a build into staging.
func (s *Store) unpackBuild(ctx context.Context, p *buildParts, origin Origin, staging string) error {
	encoder, err := newModuleEncoder(nil)
	if err != nil {
		return err
	}
	defer encoder.Close() //nolint:errcheck // EncodeAll leaves nothing behind
	lim := buildLimits
	lim.Total = s.limits.Total
	im := &importer{
		dir: staging, limits: lim, encoder: encoder, build: true, found: map[string]string{},
		release: p.image.release, from: p.image.Name(), packages: []Package{},
	}
	for _, part := range []struct {
		path string
		take func(release string, r io.Reader) error
	}{{p.config, im.config}, {p.builtin, im.builtins}} {
		if part.path != "" {
			if err := im.part(part.path, part.take); err != nil {
				return buildError(part.path, err)
			}
		}
	}
	if err := im.moduleFiles(ctx, p.modules); err != nil {
		return buildError(p.from, err)
	}
	if err := im.sufficient(p); err != nil {
		return buildError(p.image.Name(), err)
	}
	sum := sha256.New()
	var format deb.Format
	size, err := im.write(imageFile, func(w io.Writer) error {
		format, err = p.image.unpackTo(io.MultiWriter(w, sum), s.limits)
		return err
	})
	if err == nil {
		err = im.bootable()
	}
	if err != nil {
		return buildError(p.image.Name(), err)
	}
	origin.Banner = p.image.banner
	return im.describe(&Kernel{
		Version: im.release, Packages: im.packages, Format: string(format), Build: &origin, Schema: schemaBuild,
	}, sum, size)
}

// buildError is importError of a file that is in no package.
func buildError(file string, err error) error {
	hint := problem.HintOf(err)
	if hint == "" {
		hint = "the file is damaged, or was not written to its end: build it again"
	}
	return importError(file, problem.Wrap(problem.Usage, err, hint))
}

// part reads one file of a build.
func (im *importer) part(path string, take func(release string, r io.Reader) error) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	im.file = path
	return errors.Join(take(im.release, f), f.Close())
}

// moduleFiles copies the modules of a build.
func (im *importer) moduleFiles(ctx context.Context, list []moduleFile) error {
	im.work, ctx = errgroup.WithContext(ctx)
	im.work.SetLimit(2)
	var failed error
	for _, m := range list {
		failed = im.part(m.path, func(release string, r io.Reader) error {
			info, err := os.Stat(m.path)
			if err != nil {
				return err
			}
			return im.module(release, m.name, info.Size(), deb.Until(ctx, r))
		})
		if failed != nil {
			break
		}
	}
	// A failed worker cancels the context: its error is the cause.
	if err := im.work.Wait(); err != nil {
		return err
	}
	return failed
}

// moduleOption is the option of the configuration that brings a module of [frame.DefaultModules].
var moduleOption = map[string]string{
	"veth": "VETH", "sch_netem": "NET_SCH_NETEM", "sch_prio": "NET_SCH_PRIO", "sch_ingress": "NET_SCH_INGRESS",
	"cls_bpf": "NET_CLS_BPF", "inet_diag": "INET_DIAG", "tcp_diag": "INET_TCP_DIAG",
}

// sufficient makes sure that a build has what no run goes without: by its configuration, and the modules that this
// promises with what they need.
func (im *importer) sufficient(p *buildParts) error {
	text, err := os.ReadFile(filepath.Join(im.dir, configFile))
	if err != nil {
		return err
	}
	c := parseConfig(text)
	lacks, options := []string{}, ""
	for _, f := range needed(im.release) {
		if !c.Has(f.Option) {
			lacks = append(lacks, fmt.Sprintf("%s (CONFIG_%s)", f.Name, f.Option))
			options += " -e " + f.Option
		}
	}
	if len(lacks) > 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("kernel %s was built without %s", im.release, names(lacks)),
			"in the tree: scripts/config"+options+" && make olddefconfig bzImage modules")
	}
	index := moduleIndex{Modules: im.modules, Builtin: im.builtin}
	for module, option := range moduleOption {
		if c[option] == "y" {
			index.Builtin = append(index.Builtin, module)
		}
	}
	im.builtin = index.Builtin
	index.index()
	var missing []string
	for _, module := range frame.DefaultModules {
		if _, ok := index.byName[module]; !ok {
			missing = append(missing, module)
		}
	}
	from := cmp.Or(p.from, "the image")
	if len(missing) > 0 {
		return problem.Wrap(problem.Usage, fmt.Errorf("kernel %s has %s as modules, and they are not in %s",
			im.release, names(missing), from), p.again)
	}
	if _, err := index.order(frame.DefaultModules); err != nil {
		return problem.Wrap(problem.Usage, fmt.Errorf("modules of kernel %s in %s: %w", im.release, from, err), p.again)
	}
	return nil
}

// needed are the features that no run goes without.
func needed(release string) (list []Feature) {
	for _, f := range features {
		always := f.Option == "X86_IOPL_IOPERM" && compareVersions(release, "5.5") < 0 // no option before
		if f.Needed && !always {
			list = append(list, f)
		}
	}
	return append(list, Feature{"TCP statistics", moduleOption["tcp_diag"], true})
}

// bootable looks at the unpacked image: an ELF file with the type information that a run needs.
func (im *importer) bootable() error {
	file := filepath.Join(im.dir, imageFile)
	if err := checkELF(file); err != nil {
		return err
	}
	types, err := sectionOfFile(file, ".BTF")
	if err != nil {
		return fmt.Errorf("its type information: %w", err)
	}
	if len(types) == 0 {
		return problem.Wrap(problem.Usage, errors.New("it has no type information (.BTF)"),
			"in the tree: scripts/config -e DEBUG_INFO_BTF && make olddefconfig bzImage; pahole has to be installed")
	}
	return nil
}
