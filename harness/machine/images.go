package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/protocol"
	"github.com/ruleout/ruleout/harness/scenario"
)

// images finds the images of scenarios, and makes those that are not in the store. What was found once holds for as
// long as this process: all runs of a campaign, on all kernels, have the same programs, even if a file is changed
// meanwhile.
var images = &imageFinder{found: make(map[string]*image.Image)}

type imageFinder struct {
	mu      sync.Mutex
	found   map[string]*image.Image  // by what they are made of, as JSON
	lookers map[string]*image.Looker // by hash
	good    map[string]bool          // nodes whose programs lack nothing that can be told
}

// Images returns "sha256:…" of the images that nodes of scenarios have, and makes those that are not in the store. The
// keys say what an image is made of: its name, and the beginning of a hash. What is made of the same files has the same
// key, whatever is in the files.
func Images(ctx context.Context, scenarios []*scenario.Scenario, progress func(string)) (map[string]string, error) {
	all := map[string]string{}
	for _, s := range scenarios {
		made, err := json.Marshal(s.Images) // as the scenario has it, whatever the way to its directory
		if err != nil {
			return nil, err
		}
		set, err := images.of(ctx, s, progress)
		if err != nil {
			return nil, err
		}
		for name, hash := range set.hashes() {
			key := name + " " + result.Short(result.Sum(made))
			if was := all[key]; was != "" && was != hash {
				return nil, problem.Wrap(problem.Usage, fmt.Errorf("two scenarios have an image %s of the same description, "+
					"and other files in it (%.19s and %.19s)", name, was, hash),
					"their runs could not be told apart: give one of the images another name")
			}
			all[key] = hash
		}
	}
	return all, nil
}

// ImagesOf returns "sha256:…" of the images that nodes of a scenario have, by their names in it, and makes those that
// are not in the store. It is nil where no node has one.
func ImagesOf(ctx context.Context, s *scenario.Scenario, progress func(string)) (map[string]string, error) {
	set, err := images.of(ctx, s, progress)
	return set.hashes(), err
}

// named is an image with its name in a scenario.
type named struct {
	name string
	*image.Image
}

// imageSet is the images that nodes of a scenario have, in the order of their names.
type imageSet []named

// of returns the images that nodes of a scenario have.
func (m *imageFinder) of(ctx context.Context, s *scenario.Scenario, progress func(string)) (set imageSet, err error) {
	names := s.UsedImages()
	if len(names) == 0 {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	store, err := image.OpenDefault()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		i, err := m.one(ctx, store, s, name, progress)
		if err != nil {
			return nil, &problem.Error{Kind: problem.KindOf(err), Err: err, Hint: problem.HintOf(err),
				Place: "images." + name}
		}
		set = append(set, named{name, i})
	}
	return set, nil
}

// placed is the images as the virtual machine takes them.
func (set imageSet) placed() (list []vm.Image) {
	for _, i := range set {
		list = append(list, vm.Image{Name: i.name, Path: i.Path, Hash: i.Hash, Sum: i.File, Size: i.Size})
	}
	return list
}

// inGuest returns the images as the guest program knows them, by name. It returns nil for an empty set.
func (set imageSet) inGuest() map[string]protocol.Image {
	if len(set) == 0 {
		return nil
	}
	m := make(map[string]protocol.Image, len(set))
	for _, i := range set {
		m[i.name] = protocol.Image{Dir: filepath.Join(frame.ImageDir, i.name),
			Defaults: protocol.Defaults{Env: i.Env, User: i.User, Dir: i.WorkDir}}
	}
	return m
}

// hashes returns the hash of each image, by name. It returns nil for an empty set.
func (set imageSet) hashes() map[string]string {
	if len(set) == 0 {
		return nil
	}
	m := make(map[string]string, len(set))
	for _, i := range set {
		m[i.name] = i.Hash
	}
	return m
}

func (m *imageFinder) one(ctx context.Context, store *image.Store, s *scenario.Scenario, name string,
	progress func(string)) (*image.Image, error) {
	if hash := s.PinnedImage(name); hash != "" {
		i, err := store.Use(hash)
		if err == nil || s.Root() == "" {
			return i, err
		}
	}
	spec := ImageSpec(s, name)
	lockFile := LockFile(s, name)
	raw, err := json.Marshal([]any{spec, lockFile})
	if err != nil {
		return nil, err
	}
	if i := m.found[string(raw)]; i != nil {
		return i, nil
	}
	lock, err := image.ReadLock(lockFile)
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s.Root() == "" && needsHost(spec) {
		return nil, problem.Wrap(problem.Machine, errors.New("it is made of files that the record does not have"),
			"build it from the scenario's file: ruleout run SCENARIO; images are kept in the cache by their hash")
	}
	i, err := store.Ensure(ctx, name, spec, lock, progress)
	if err != nil {
		return nil, err
	}
	m.found[string(raw)] = i
	return i, nil
}

// LockFile is where the lock of a scenario's image is, if it has one.
func LockFile(s *scenario.Scenario, name string) string {
	return filepath.Join(s.Root(), "images", name+".lock")
}

// ImageSpec says what an image of a scenario is made of.
func ImageSpec(s *scenario.Scenario, name string) image.Spec {
	i := s.Images[name]
	spec := image.Spec{Packages: i.Packages}
	if i.From != "" {
		below := ImageSpec(s, i.From)
		spec.From = &below
	}
	if i.OCI != "" {
		spec.OCI = s.HostPath(i.OCI)
	}
	if len(i.Files) > 0 {
		spec.Files = make(map[string]string, len(i.Files))
		for target, source := range i.Files {
			spec.Files[target] = s.HostPath(source)
		}
	}
	return spec
}

// needsHost tells whether an image is made of files of the host's.
func needsHost(s image.Spec) bool {
	return s.OCI != "" || len(s.Files) > 0 || s.From != nil && needsHost(*s.From)
}
