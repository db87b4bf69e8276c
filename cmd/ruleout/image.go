package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/record/result"
)

type imageCmd struct {
	Build  imageBuildCmd  `cmd:"" help:"Make an image out of packages, an OCI image and files."`
	List   imageListCmd   `cmd:"" help:"List the images in the store."`
	Show   imageShowCmd   `cmd:"" help:"Show what is in an image: packages, what is largest, what a program lacks."`
	Lock   imageLockCmd   `cmd:"" help:"Write down which packages an image needs, to make the same one next year."`
	Remove imageRemoveCmd `cmd:"" help:"Remove an image from the store."`
}

func (*imageCmd) Help() string {
	return `An image is the file system that programs in a node run on. It is made of packages of the distribution, of an
OCI image and of files, without root, and nothing of them is run. The same packages, archives and files make the same
image, to the byte.

Examples:

  ruleout image build --package nginx --package php8.2-fpm --file /srv=app
  ruleout image list
  ruleout image show 6a90cad6`
}

// openImages opens the user's store of images.
func openImages(u *ui) (*image.Store, error) {
	store, err := image.OpenDefault()
	if err != nil {
		return nil, err
	}
	store.Waits = func() { u.note("another process is making this image: waiting for it") }
	return store, nil
}

type imageBuildCmd struct {
	ofScenario
	Set     []string          `sep:"none" help:"With a scenario: change a value of the file; may be given again." placeholder:"PATH=VALUE"`
	Package []string          `help:"Package of the distribution; may be given again. What it depends on comes along." placeholder:"NAME"`
	OCI     string            `name:"oci" help:"Archive of docker save or skopeo copy, or OCI layout directory. Packages and files cover it." placeholder:"PATH" type:"path"`
	File    map[string]string `help:"File or directory, and where it goes in the image; may be given again." placeholder:"/IN/IMAGE=PATH" mapsep:"none"`
	Lock    string            `help:"Take the packages that this file names, which ruleout image lock wrote." placeholder:"FILE" type:"path"`
	Name    string            `help:"Name for lists and messages." placeholder:"NAME"`
	Format  string            `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*imageBuildCmd) Help() string {
	return `Prints the hash of the image and its size. With a scenario, it makes the images of its key images, by the locks
in the directory images beside it; ruleout run does the same. Without, it makes an image of what the flags name. If the
store has an image of the same, it is that.

Packages come through apt, which verifies their signatures; nothing is installed. Their scripts do not run: ruleout
itself makes the users, directories and links of common servers. A file covers what packages and the OCI image have in
its place.

Examples:

  ruleout image build scenarios/real/static.yaml
  ruleout image build --package nginx --package php8.2-fpm --file /srv=app
  ruleout image build --package redis-server --lock images/redis.lock
  ruleout image build --oci shop.tar
  ruleout image build --file /usr/local/bin/shop=./shop`
}

// Run carries the command out.
func (c *imageBuildCmd) Run(ctx context.Context, u *ui) error {
	store, err := openImages(u)
	if err != nil {
		return err
	}
	parts := len(c.Package) > 0 || len(c.File) > 0 || c.OCI != "" || c.Lock != "" || c.Name != ""
	switch {
	case c.Scenario != "" && parts:
		return problem.Wrap(problem.Usage, errors.New("a scenario, and flags that describe an image"), "give one of them")
	case c.Scenario != "":
		return c.build(ctx, u, store, c.Set, c.Format)
	case len(c.Set) > 0:
		return problem.Wrap(problem.Usage, errors.New("--set without a scenario"), "")
	}
	var lock *image.Lock
	if c.Lock != "" {
		if lock, err = image.ReadLock(c.Lock); err != nil {
			return err
		}
	}
	spec := image.Spec{OCI: c.OCI, Packages: c.Package, Files: c.File}
	i, err := store.Ensure(ctx, c.Name, spec, lock, func(line string) { u.note("%s", line) })
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		return u.json(describedImage(i))
	}
	u.printf("%s  %s\n", i.Hash, megabytes(i.Size))
	return nil
}

// listedImage is an image in the JSON form of a list.
type listedImage struct {
	Name     string          `json:"name"`
	Hash     string          `json:"hash"`
	Path     string          `json:"path"`
	Size     int64           `json:"size"`
	Entries  int             `json:"entries"`
	Sources  []string        `json:"sources"`
	Packages []image.Package `json:"packages"`
	Used     time.Time       `json:"used"`
	Config   image.Config    `json:"config"`
}

func describedImage(i *image.Image) listedImage {
	l := listedImage{
		Name: i.Name, Hash: i.Hash, Path: i.Path, Size: i.Size, Entries: i.Entries, Sources: i.Sources,
		Packages: i.Packages, Used: i.Used.UTC().Truncate(time.Second), Config: i.Config,
	}
	if l.Packages == nil {
		l.Packages = []image.Package{}
	}
	return l
}

func megabytes(size int64) string { return fmt.Sprintf("%.1f MB", float64(size)/1e6) }

type imageListCmd struct {
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*imageListCmd) Help() string {
	return `Images can be made again at any time. ruleout gc removes those that were not used for a while.

Examples:

  ruleout image list
  ruleout image list --format json | jq -r '.[].hash'`
}

// Run carries the command out.
func (c *imageListCmd) Run(u *ui) error {
	store, err := openImages(u)
	if err != nil {
		return err
	}
	images, err := store.List()
	if err != nil {
		return err
	}
	if c.Format == formatJSON {
		list := []listedImage{}
		for _, i := range images {
			list = append(list, describedImage(i))
		}
		return u.json(list)
	}
	if len(images) == 0 {
		u.note("no image in %s; make one: ruleout image build", store.Dir())
		return nil
	}
	t := table.Table{Header: []string{"image", "hash", "size", "packages", "made of"}}
	for _, i := range images {
		t.Rows = append(t.Rows, []string{
			cmp.Or(i.Name, "–"), result.Short(i.Hash), megabytes(i.Size), fmt.Sprint(len(i.Packages)),
			strings.Join(i.Sources, "; "),
		})
	}
	return u.table(&t)
}

type imageShowCmd struct {
	Hash    string   `arg:"" help:"Hash of the image, or its beginning." placeholder:"HASH" complete:"image"`
	Program []string `help:"Say what this program lacks to run in the image; may be given again." placeholder:"PROGRAM"`
	Most    int      `help:"How many of the largest files to show." default:"10" placeholder:"N"`
	Format  string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*imageShowCmd) Help() string {
	return `With --program it is an error if the program cannot run: it is not there, an interpreter or a library is
missing, or it is for another processor.

Examples:

  ruleout image show 6a90cad6
  ruleout image show 6a90cad6 --program /usr/sbin/nginx`
}

// shownImage is an image in JSON, with what is in it.
type shownImage struct {
	listedImage
	SizeBy  map[string]int64 `json:"size_by"` // bytes of files by what they came from
	Largest []image.Entry    `json:"largest"`
}

// Run carries the command out.
func (c *imageShowCmd) Run(u *ui) error {
	store, err := openImages(u)
	if err != nil {
		return err
	}
	i, err := store.Get(c.Hash)
	if err != nil {
		return err
	}
	entries, err := i.Index()
	if err != nil {
		return err
	}
	shown := shownImage{listedImage: describedImage(i), SizeBy: map[string]int64{}}
	for _, e := range entries {
		if e.Size > 0 {
			shown.SizeBy[e.From] += e.Size
		}
	}
	slices.SortStableFunc(entries, func(a, b image.Entry) int { return cmp.Compare(b.Size, a.Size) })
	shown.Largest = entries[:max(0, min(c.Most, len(entries)))]
	if c.Format == formatJSON {
		err = u.json(shown)
	} else {
		err = c.text(u, &shown)
	}
	for _, program := range c.Program {
		err = errors.Join(err, i.Check(program))
	}
	return err
}

// text prints an image for people.
func (c *imageShowCmd) text(u *ui, s *shownImage) error {
	u.printf("%s\n%s, %d entries, of %s\n", strings.TrimSpace(s.Name+" "+s.Hash), megabytes(s.Size), s.Entries,
		strings.Join(s.Sources, "; "))
	for _, l := range [][2]string{
		{"entrypoint", strings.Join(s.Config.Entrypoint, " ")}, {"command", strings.Join(s.Config.Cmd, " ")},
		{"environment", strings.Join(s.Config.Env, " ")}, {"user", s.Config.User}, {"directory", s.Config.WorkDir},
		{"ports", strings.Join(s.Config.Ports, " ")},
	} {
		if l[1] != "" {
			u.printf("%s: %s\n", l[0], l[1])
		}
	}
	u.printf("\n")
	packages := table.Table{Header: []string{"package", "version", "size"}}
	for _, p := range s.Packages {
		packages.Rows = append(packages.Rows, []string{p.Name, p.Version, megabytes(s.SizeBy[p.Name])})
	}
	if len(packages.Rows) > 0 {
		if err := u.table(&packages); err != nil {
			return err
		}
		u.printf("\n")
	}
	largest := table.Table{Header: []string{"largest file", "of", "size"}}
	for _, e := range s.Largest {
		largest.Rows = append(largest.Rows, []string{e.Path, e.From, megabytes(e.Size)})
	}
	return u.table(&largest)
}

type imageLockCmd struct {
	ofScenario
	Package []string `help:"Package of the distribution; may be given again." placeholder:"NAME"`
	Out     string   `short:"o" help:"File to write (default: standard output)." placeholder:"FILE" type:"path"`
	Format  string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*imageLockCmd) Help() string {
	return `The lock names each package with its version and its SHA-256. An image that is built with it is the same on
every machine, and stays the same when the distribution has newer packages. With a scenario, it writes images/NAME.lock
beside it for each of its images that has packages, where ruleout run looks for them.

Examples:

  ruleout image lock scenarios/real/static.yaml
  ruleout image lock --package nginx --package php8.2-fpm -o images/site.lock
  ruleout image build --package nginx --package php8.2-fpm --lock images/site.lock`
}

// Run carries the command out.
func (c *imageLockCmd) Run(ctx context.Context, u *ui) error {
	store, err := openImages(u)
	if err != nil {
		return err
	}
	switch {
	case c.Scenario != "" && (len(c.Package) > 0 || c.Out != ""):
		return problem.Wrap(problem.Usage, errors.New("a scenario, and flags that describe an image"), "give one of them")
	case c.Scenario != "":
		return c.lock(ctx, u, store)
	case len(c.Package) == 0:
		return problem.Wrap(problem.Usage, errors.New("nothing to lock"), "give a scenario, or --package")
	}
	lock, err := store.Lock(ctx, image.Spec{Packages: c.Package})
	if err != nil {
		return err
	}
	if c.Out == "" {
		return u.result(lockedImage{Asked: lock.Asked, Packages: lock.Packages}, lock.String())
	}
	if err := image.WriteLock(c.Out, lock); err != nil {
		return err
	}
	return u.result(lockedImage{File: c.Out, Asked: lock.Asked, Packages: lock.Packages},
		fmt.Sprintf("%s: %d packages\n", c.Out, len(lock.Packages)))
}

// lockedImage is a lock in JSON.
type lockedImage struct {
	Image    string          `json:"image,omitempty"` // of a scenario
	File     string          `json:"file,omitempty"`  // that was written
	Asked    []string        `json:"asked"`
	Packages []image.Package `json:"packages"`
}

type imageRemoveCmd struct {
	Hashes []string `arg:"" name:"hash" help:"Hashes of images, or their beginnings." placeholder:"HASH" complete:"image"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*imageRemoveCmd) Help() string {
	return `The next ruleout gc removes packages that no other image is made of, once they are old.

Examples:

  ruleout image remove 6a90cad6`
}

// Run carries the command out.
func (c *imageRemoveCmd) Run(u *ui) error {
	store, err := openImages(u)
	if err != nil {
		return err
	}
	removed := []string{}
	var errs []error
	for _, hash := range c.Hashes {
		i, err := store.Get(hash)
		if err == nil {
			err = store.Remove(i.Hash)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, i.Hash)
	}
	return errors.Join(append(errs, u.list(removed))...)
}
