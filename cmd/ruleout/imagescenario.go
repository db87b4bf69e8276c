package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/expect"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// ofScenario is the arguments of commands about images that a scenario describes.
type ofScenario struct {
	Scenario string   `arg:"" optional:"" help:"Scenario file that describes the images." placeholder:"SCENARIO" complete:"yaml" takes:"scenario"`
	Images   []string `arg:"" optional:"" name:"image" help:"Names of its images (default: all)." placeholder:"IMAGE"`
}

// load reads the scenario and its file, and finds out which of its images are meant.
func (c *ofScenario) load(set []string) (f expect.File, s *scenario.Scenario, names []string, err error) {
	if f, err = expect.Open(c.Scenario); err != nil {
		return f, nil, nil, err
	}
	if s, err = f.With(set); err != nil {
		return f, nil, nil, err
	}
	all := slices.Sorted(maps.Keys(s.Images))
	if len(all) == 0 {
		return f, nil, nil, problem.Wrap(problem.Usage, fmt.Errorf("%s has no images", c.Scenario),
			"the key images describes them")
	}
	for _, name := range c.Images {
		if !slices.Contains(all, name) {
			hint := "its images: " + strings.Join(all, ", ")
			if best := spelling.Nearest(name, all); best != "" {
				hint = fmt.Sprintf("did you mean %q? %s", best, hint)
			}
			return f, nil, nil, problem.Wrap(problem.Usage, fmt.Errorf("%s has no image %q", c.Scenario, name), hint)
		}
	}
	if len(c.Images) > 0 {
		all = c.Images
	}
	return f, s, all, nil
}

// build makes the images of a scenario, those that the store does not have.
func (c *ofScenario) build(ctx context.Context, u *ui, store *image.Store, set []string, format string) error {
	f, s, names, err := c.load(set)
	if err != nil {
		return err
	}
	list := []listedImage{}
	for _, name := range names {
		lock, err := image.ReadLock(machine.LockFile(s, name))
		if errors.Is(err, fs.ErrNotExist) {
			lock, err = nil, nil
		}
		if err != nil {
			return err
		}
		progress := func(line string) { u.note("%s: %s", name, line) }
		i, err := store.Ensure(ctx, name, machine.ImageSpec(s, name), lock, progress)
		if err != nil {
			err = &problem.Error{Kind: problem.KindOf(err), Err: err, Hint: problem.HintOf(err), Place: "images." + name}
			return f.Locate(err, set)
		}
		if format == formatText {
			u.printf("%s  %s  %s\n", name, i.Hash, megabytes(i.Size))
		}
		list = append(list, describedImage(i))
	}
	if format == formatJSON {
		return u.json(list)
	}
	return nil
}

// lock writes the locks of the images of a scenario that have packages.
func (c *ofScenario) lock(ctx context.Context, u *ui, store *image.Store) error {
	f, s, names, err := c.load(nil)
	if err != nil {
		return err
	}
	list := []lockedImage{}
	for _, name := range names {
		spec := machine.ImageSpec(s, name)
		if !hasPackages(&spec) {
			if len(c.Images) > 0 {
				return problem.Wrap(problem.Usage, fmt.Errorf("image %s has no packages", name),
					"only packages have versions to be pinned")
			}
			continue
		}
		lock, err := store.Lock(ctx, spec)
		if err != nil {
			err = &problem.Error{Kind: problem.KindOf(err), Err: err, Hint: problem.HintOf(err), Place: "images." + name}
			return f.Locate(err, nil)
		}
		lock.Scenario, lock.Image = s.Name, name
		file := machine.LockFile(s, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return problem.Wrap(problem.Usage, fmt.Errorf("write lock: %w", err), "")
		}
		if err := image.WriteLock(file, lock); err != nil {
			return err
		}
		list = append(list, lockedImage{Image: name, File: file, Asked: lock.Asked, Packages: lock.Packages})
		if u.format == formatText {
			u.printf("%s: %d packages\n", file, len(lock.Packages))
		}
	}
	if u.format == formatJSON {
		return u.json(list)
	}
	return nil
}

func hasPackages(s *image.Spec) bool {
	return len(s.Packages) > 0 || s.From != nil && hasPackages(s.From)
}

// kept reports an image of a recorded run that the store does not have any more: then the run cannot be made again as
// it was.
func kept(recorded *result.Record) error {
	if len(recorded.Provenance.Images) == 0 {
		return nil
	}
	store, err := image.OpenDefault()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(recorded.Provenance.Images)) {
		hash := recorded.Provenance.Images[name]
		if _, err := store.Get(hash); err != nil {
			return problem.Wrap(problem.Usage,
				fmt.Errorf("image %s of the recorded run is not in the store any more, or is damaged: %s", name, hash),
				"make it again from the scenario's file: ruleout image build SCENARIO; "+
					"if packages or files are others now, its hash is another, too")
		}
	}
	return nil
}
