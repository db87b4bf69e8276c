package image

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// Spec says what an image is made of: layers in the order of the fields, a later one covers an earlier one.
type Spec struct {
	// From is another image below this one, or nil.
	From *Spec
	// OCI is the path of an OCI archive, of an archive that docker save made, or of an OCI layout directory.
	OCI string
	// Packages are names of Debian or Ubuntu packages. They come with what they depend on.
	Packages []string
	// Files are absolute paths in the image, with the file or directory on the host that goes there. A directory is
	// merged with what is there.
	Files map[string]string
}

// Package is a package in an image.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"` // of the .deb, hexadecimal
}

// Image is an image in the store.
type Image struct {
	Name string `json:"name"` // that it was last made under; several images may share one
	Hash string `json:"hash"` // "sha256:…" of the ext4 file, and of Config if that says anything
	Path string `json:"-"`    // the ext4 file
	Size int64  `json:"size"` // of the ext4 file, bytes

	Packages []Package `json:"packages"` // by name
	Sources  []string  `json:"sources"`  // what it was made of, in words
	Entries  int       `json:"entries"`  // files, directories and links

	Config

	Made time.Time `json:"-"` // when it was built
	Used time.Time `json:"-"` // when it was last asked for

	// File is "sha256:…" of the ext4 file alone.
	File   string `json:"-"`
	Schema int    `json:"schema"`
	dir    string // in the store
}

// Config is what an OCI image says about how to run it; all of it is empty for others.
type Config struct {
	Env        []string `json:"env,omitempty"` // NAME=value
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	User       string   `json:"user,omitempty"` // a name or a number, perhaps with ":GROUP"
	WorkDir    string   `json:"workdir,omitempty"`
	StopSignal string   `json:"stop_signal,omitempty"`
	Ports      []string `json:"ports,omitempty"` // "80/tcp"
}

// Files of an image's directory.
const (
	metaFile  = "image.json"
	ext4File  = "image.ext4"
	indexFile = "index.json.zst"
)

// schema is the version of layout and recipes: it is part of each key, so that images of another version are made anew.
const schema = 1

// load reads the image in dir. It fails for anything but a complete one.
func load(dir string) (*Image, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if err != nil {
		return nil, err
	}
	i := &Image{dir: dir, Path: filepath.Join(dir, ext4File)}
	if err := json.Unmarshal(text, i); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, metaFile), err)
	}
	if i.Schema != schema {
		return nil, fmt.Errorf("%s: %w", dir, shelf.ErrForeign)
	}
	info, err := os.Stat(i.Path)
	if err != nil {
		return nil, err
	}
	// A power cut may have left a file without contents after a complete directory.
	if info.Size() != i.Size {
		return nil, fmt.Errorf("%s has %d bytes instead of %d", i.Path, info.Size(), i.Size)
	}
	// What runs in two images is another program if their environments differ, though their files are the same.
	if i.File = i.Hash; !reflect.DeepEqual(i.Config, Config{}) {
		config, err := json.Marshal(i.Config)
		if err != nil {
			return nil, err
		}
		i.Hash = fmt.Sprintf("sha256:%x", sha256.Sum256(append([]byte(i.File+"\n"), config...)))
	}
	i.Made, i.Used = info.ModTime(), info.ModTime()
	if used, err := os.Stat(filepath.Join(dir, metaFile)); err == nil {
		i.Used = used.ModTime()
	}
	return i, nil
}

// touch notes that the image was asked for. A store that is read-only does not remember it.
func (i *Image) touch() {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(i.dir, metaFile), now, now)
}

// packageName is what the Debian policy manual allows, 5.6.1.
var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

// layers returns the spec and those below it, the lowest first.
func (s Spec) layers() ([]Spec, error) {
	var list []Spec
	for at := &s; at != nil; at = at.From {
		list = append(list, *at)
		if len(list) > 32 {
			return nil, problem.Wrap(problem.Usage, fmt.Errorf("more than 32 images stand on each other"),
				"images below one another may not form a circle")
		}
	}
	slices.Reverse(list)
	return list, nil
}

// check finds what is wrong with a spec by itself.
func check(layers []Spec) error {
	empty := true
	for _, l := range layers {
		empty = empty && l.OCI == "" && len(l.Packages) == 0 && len(l.Files) == 0
		for _, name := range l.Packages {
			if err := checkName(name); err != nil {
				return err
			}
		}
		for to := range l.Files {
			if !strings.HasPrefix(to, "/") || strings.ContainsRune(to, 0) || slices.Contains(strings.Split(to, "/"), "..") {
				return problem.Wrap(problem.Usage, fmt.Errorf("%q is no absolute path in an image", to),
					"write where the file goes from the image's root, such as /srv/index.php")
			}
		}
	}
	if empty {
		return problem.Wrap(problem.Usage, fmt.Errorf("an image of nothing"), "name packages, an OCI image or files")
	}
	return nil
}

func checkName(name string) error {
	base, arch, other := strings.Cut(name, ":")
	switch {
	case other && arch == "amd64":
		return problem.Wrap(problem.Usage, fmt.Errorf("%q names an architecture", name),
			"write "+base+": all packages are for amd64")
	case other && packageName.MatchString(base):
		return problem.Wrap(problem.Usage, fmt.Errorf("package %s is for %s, and the guest is amd64", base, arch),
			"write "+base)
	case strings.Contains(name, "="):
		return problem.Wrap(problem.Usage, fmt.Errorf("%q names a version", name),
			"versions are pinned by a lock: ruleout image lock")
	case !packageName.MatchString(name):
		return problem.Wrap(problem.Usage, fmt.Errorf("%q is no name of a package", name),
			"examples of packages: nginx, php8.2-fpm, redis-server")
	}
	return nil
}

// asked are the packages of all layers, sorted.
func asked(layers []Spec) []string {
	var names []string
	for _, l := range layers {
		names = append(names, l.Packages...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
