package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Ensure returns the image that a spec describes. If the store has one of the same packages, OCI image and files, it
// is that; otherwise it is made. Packages are the same if their names are, or if there is a lock, their hashes. The
// name is for messages and lists, and may be empty. A lock may be nil. Progress, which may be nil, gets lines for
// people.
func (s *Store) Ensure(ctx context.Context, name string, spec Spec, lock *Lock, progress func(string)) (*Image, error) {
	if progress == nil {
		progress = func(string) {}
	}
	i, err := s.ensure(ctx, name, spec, lock, progress)
	if err != nil {
		if name == "" {
			return nil, fmt.Errorf("make an image: %w", err)
		}
		return nil, fmt.Errorf("image %s: %w", name, err)
	}
	return i, nil
}

func (s *Store) ensure(ctx context.Context, name string, spec Spec, lock *Lock, progress func(string)) (*Image, error) {
	layers, err := spec.layers()
	if err == nil {
		err = check(layers)
	}
	if err == nil && lock != nil {
		err = lock.matches(asked(layers))
	}
	if err != nil {
		return nil, err
	}
	b := &build{store: s, name: name, layers: layers, lock: lock, limits: s.limits, progress: progress}
	key, err := b.key(ctx)
	if err != nil {
		return nil, err
	}
	if i, err := load(filepath.Join(s.dir, key)); err == nil {
		i.touch()
		return i, nil
	}
	dir, err := s.shelf().Fill(ctx, key, func(staging string) error { return b.fill(ctx, staging) })
	if err != nil {
		return nil, s.classify(err)
	}
	return load(dir)
}

// classify says whose fault an error of a build is, unless it says so itself.
func (s *Store) classify(err error) error {
	if problem.KindOf(err) != problem.Other || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return s.error("make it", err)
}

// Lock asks the machine's apt which packages a spec needs today.
func (s *Store) Lock(ctx context.Context, spec Spec) (*Lock, error) {
	layers, err := spec.layers()
	if err == nil {
		err = check(layers)
	}
	if err != nil {
		return nil, err
	}
	names := asked(layers)
	if len(names) == 0 {
		return nil, problem.Wrap(problem.Usage, errors.New("lock an image: it has no packages"),
			"only packages have versions to be pinned")
	}
	dir, release, err := s.shelf().Room()
	if err != nil {
		return nil, err
	}
	defer release()
	packages, err := resolve(ctx, dir, names)
	if err != nil {
		return nil, err
	}
	return &Lock{Asked: names, Packages: packages}, nil
}

// keyDigits is the length of a directory's name: 96 bits.
const keyDigits = 24

// key returns the hash of all that goes into the image, and notes the files and archives on the way.
func (b *build) key(ctx context.Context) (string, error) {
	lines := []string{fmt.Sprintf("schema %d", schema)}
	for at, l := range b.layers {
		lines = append(lines, fmt.Sprintf("layer %d", at))
		if l.OCI != "" {
			sum, err := b.store.ociSum(ctx, l.OCI)
			if err != nil {
				return "", problem.Wrap(problem.Usage, fmt.Errorf("OCI image: %w", err),
					"give an archive of docker save or skopeo copy, or an OCI layout directory")
			}
			lines = append(lines, "oci "+sum)
			b.sources = append(b.sources, "OCI image "+l.OCI)
		}
		names := slices.Clone(l.Packages)
		slices.Sort(names)
		lines = append(lines, "packages "+strings.Join(slices.Compact(names), " "))
		if len(names) > 0 {
			b.sources = append(b.sources, "packages "+strings.Join(slices.Compact(names), ", "))
		}
		files, err := b.store.hostFiles(ctx, l.Files)
		if err != nil {
			return "", err
		}
		for _, f := range files {
			lines = append(lines, f.line())
		}
		if len(files) > 0 {
			b.sources = append(b.sources, "files "+strings.Join(slices.Sorted(maps.Keys(l.Files)), ", "))
		}
		b.files = append(b.files, files)
	}
	if b.lock != nil {
		lines = append(lines, b.lock.String())
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf("%x", sum)[:keyDigits], nil
}

// build makes one image.
type build struct {
	store    *Store
	name     string
	layers   []Spec
	files    [][]hostFile // of each layer
	lock     *Lock
	limits   limits
	progress func(string)
	sources  []string

	tree     *tree
	spool    *spool
	packages []Package
	config   Config
}

// fill makes the image in a directory.
func (b *build) fill(ctx context.Context, dir string) (err error) {
	if names := asked(b.layers); len(names) > 0 {
		if err := b.findPackages(ctx, dir, names); err != nil {
			return err
		}
	}
	b.tree = newTree(b.limits)
	b.spool, err = newSpool(filepath.Join(dir, "spool"), b.limits.total)
	if err != nil {
		return err
	}
	defer b.spool.f.Close()
	if err := b.lay(ctx); err != nil {
		return err
	}
	b.progress("writing the file system")
	i := &Image{Name: b.name, Packages: b.packages, Sources: b.sources, Config: b.config, Schema: schema, dir: dir}
	if err := b.write(ctx, i); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "spool")); err != nil {
		return err
	}
	b.share(i)
	data, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, metaFile), append(data, '\n'), 0o644)
}

// findPackages finds out what packages there will be, and fetches them.
func (b *build) findPackages(ctx context.Context, dir string, names []string) (err error) {
	if b.lock != nil {
		b.packages = b.lock.Packages
	} else {
		b.progress("asking apt for " + strings.Join(names, ", "))
		work := filepath.Join(dir, "apt")
		if b.packages, err = resolve(ctx, work, names); err != nil {
			return err
		}
		if err := os.RemoveAll(work); err != nil {
			return err
		}
	}
	return b.store.fetch(ctx, b.packages, b.progress)
}

// lay puts all layers into the tree.
func (b *build) lay(ctx context.Context) error {
	laid := false
	for at, l := range b.layers {
		if l.OCI != "" {
			b.progress("unpacking " + l.OCI)
			if err := b.addOCI(ctx, l.OCI); err != nil {
				return err
			}
		}
		b.tree.layer++
		if len(l.Packages) > 0 && !laid {
			laid = true
			b.progress(fmt.Sprintf("unpacking %d packages", len(b.packages)))
			if err := b.addPackages(ctx); err != nil {
				return err
			}
		}
		b.tree.layer++
		if err := b.addFiles(ctx, b.files[at]); err != nil {
			return err
		}
		b.tree.layer++
	}
	return b.complete()
}

func (b *build) addPackages(ctx context.Context) error {
	if err := b.usrMerged(); err != nil {
		return err
	}
	for _, p := range b.packages { // by name
		if err := b.addPackage(ctx, p, b.store.debFile(p)); err != nil {
			return err
		}
	}
	return b.configure()
}

// spoolError words an error of keeping a file's contents.
func (b *build) spoolError(name string, err error) error {
	return fmt.Errorf("entry %q: %w", name, err)
}

// share replaces the file by a link to an equal one, if another image has that.
func (b *build) share(i *Image) {
	images, err := b.store.List()
	if err != nil {
		return
	}
	for _, other := range images {
		if other.File == i.Hash && other.Size == i.Size {
			beside := filepath.Join(i.dir, "shared")
			if os.Link(other.Path, beside) == nil {
				_ = os.Rename(beside, filepath.Join(i.dir, ext4File)) // if not, there are two copies
			}
			return
		}
	}
}
