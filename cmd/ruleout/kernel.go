package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/base/table"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/result"
	"github.com/ruleout/ruleout/harness/run/truth"
)

type kernelCmd struct {
	List   kernelListCmd   `cmd:"" help:"List the kernels in the store."`
	Pull   kernelPullCmd   `cmd:"" help:"Get a kernel from the distribution."`
	Add    kernelAddCmd    `cmd:"" help:"Add a kernel from package files, or one that you built."`
	Config kernelConfigCmd `cmd:"" help:"Compare the configurations of two kernels."`
	Remove kernelRemoveCmd `cmd:"" help:"Remove a kernel from the store."`
}

func (*kernelCmd) Help() string {
	return `Kernels come from distribution packages, unchanged, or are your own builds. They are unpacked into the user's
cache directory. Nothing is installed, and no root is needed.

Examples:

  ruleout kernel pull
  ruleout kernel pull 6.12
  ruleout kernel add mine --tree ~/src/linux
  ruleout kernel list`
}

type kernelListCmd struct {
	Format string `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*kernelListCmd) Help() string {
	return `The star marks the default kernel, for runs without --kernel. The column netem has a fingerprint of the
kernel's network emulator, known after the first run on it. Kernels with the same fingerprint do the same faults.

Examples:

  ruleout kernel list
  ruleout kernel list --format json | jq -r '.[].name'`
}

// listed is a kernel in the JSON form of the list.
type listed struct {
	Name       string `json:"name"`
	Release    string `json:"release"`
	Flavour    string `json:"flavour"`
	Version    string `json:"version"`
	Package    string `json:"package"`
	ConfigHash string `json:"config_hash"`
	Hash       string `json:"hash"`
	Modules    int    `json:"modules"`
	Size       int64  `json:"size"`
	// Build says which build it is, of a kernel that was not in a package.
	Build   *kernel.Origin `json:"build,omitempty"`
	Default bool           `json:"default"`
	Lacks   []string       `json:"lacks"` // features that scenarios may need and this kernel lacks
	// Netem is the fingerprint of what the kernel's netem does, and Truths are its answers by name; both are
	// known once a run was made on it.
	Netem  string            `json:"netem,omitempty"`
	Truths map[string]string `json:"truths,omitempty"`
}

// Run carries the command out.
func (c *kernelListCmd) Run(u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	kernels, err := store.List()
	if err != nil {
		return err
	}
	if c.Format == formatText && len(kernels) == 0 {
		u.note("no kernel in %s; get one: ruleout kernel pull", store.Dir())
		return nil
	}
	list := []listed{}
	for _, k := range kernels {
		l, err := describedKernel(store, k)
		if err != nil {
			return err
		}
		list = append(list, l)
	}
	if c.Format == formatJSON {
		return u.json(list)
	}
	t := table.Table{Header: []string{
		"  kernel", "flavour", "version", "config", "modules", "size", "netem", "lacks",
	}}
	for _, l := range list {
		mark := " "
		if l.Default {
			mark = "*"
		}
		t.Rows = append(t.Rows, []string{
			mark + " " + l.Name, l.Flavour, l.version(), result.Short(l.ConfigHash), fmt.Sprint(l.Modules),
			fmt.Sprintf("%d MB", l.Size/1e6), fingerprint(l.Netem), words(l.Lacks),
		})
	}
	return u.table(&t)
}

// describedKernel is a kernel of a store as a list has it.
func describedKernel(store *kernel.Store, k *kernel.Kernel) (listed, error) {
	standard, _ := store.Default() // without kernels there is none
	l := listed{
		Name: k.Name, Release: k.Release, Flavour: k.Flavour, Version: k.Version, Package: k.Package,
		ConfigHash: k.ConfigHash, Hash: k.Hash, Modules: k.Modules, Size: k.Size, Build: k.Build,
		Default: standard != nil && standard.Name == k.Name, Lacks: []string{},
	}
	lacks, err := k.Lacks()
	if err != nil {
		return l, err
	}
	for _, f := range lacks {
		l.Lacks = append(l.Lacks, f.Name)
	}
	if r, err := truth.Load(k.Dir); err == nil { // otherwise it is not known yet
		l.Netem, l.Truths = r.Fingerprint, map[string]string{}
		for _, a := range r.Answers {
			l.Truths[a.Name] = a.Answer
		}
	}
	return l, nil
}

// tellKernel says which kernel was put into a store.
func (u *ui) tellKernel(store *kernel.Store, k *kernel.Kernel) error {
	if u.format == formatText {
		u.printf("%s\n", k.Name)
		return nil
	}
	l, err := describedKernel(store, k)
	if err != nil {
		return err
	}
	return u.json(l)
}

// version is what the table shows of where a kernel is from.
func (l *listed) version() string {
	if l.Build != nil {
		return "built: " + l.Release
	}
	return l.Version
}

// fingerprint is how one is shown in a table.
func fingerprint(netem string) string {
	if netem == "" {
		return "–"
	}
	return result.Short(netem)
}

type kernelPullCmd struct {
	Pattern string `arg:"" optional:"" help:"Series, release or package (default: the current kernel of the distribution)." placeholder:"KERNEL"`
	Suite   string `help:"Suite of the distribution to get it from, such as bookworm-backports (default: the suites that apt is set up for)." placeholder:"SUITE"`
	Format  string `help:"Output: text (the name) or json (the kernel as in kernel list)." enum:"text,json" default:"text"`
}

func (*kernelPullCmd) Help() string {
	return `The package comes through apt, which verifies its signature. The newest match is taken. Nothing is installed.

With --suite, apt reads another suite from the sources of this machine, with package lists of its own that are removed
afterwards. The apt of this machine is not changed, and the kernel does not become the default.

Examples:

  ruleout kernel pull
  ruleout kernel pull 6.1
  ruleout kernel pull 5.10 --suite bullseye-security
  ruleout kernel pull linux-image-6.1.0-56-rt-amd64`
}

// Run carries the command out.
func (c *kernelPullCmd) Run(ctx context.Context, u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	store.Waits = u.waits
	pull := store.Pull
	if c.Suite != "" {
		pull = func(ctx context.Context, pattern string, progress io.Writer) (*kernel.Kernel, error) {
			return store.PullFrom(ctx, c.Suite, pattern, progress)
		}
	}
	k, err := pull(ctx, c.Pattern, &progress{u: u})
	if err != nil {
		return err
	}
	return u.tellKernel(store, k)
}

// waits notes that another process is at work.
func (u *ui) waits() { u.note("another process is importing this kernel: waiting for it") }

type kernelRemoveCmd struct {
	Names  []string `arg:"" name:"kernel" help:"Kernels in the store." placeholder:"KERNEL" complete:"kernel"`
	Format string   `help:"Output: text or json." enum:"text,json" default:"text"`
}

func (*kernelRemoveCmd) Help() string {
	return `The next ruleout gc removes the VM templates of the kernel.

Examples:

  ruleout kernel remove 6.1.0-56-cloud-amd64`
}

// Run carries the command out.
func (c *kernelRemoveCmd) Run(u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	removed := []string{}
	var errs []error
	for _, name := range c.Names {
		k, err := store.Get(name)
		if err == nil {
			err = store.Remove(k.Name)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, k.Name)
	}
	return errors.Join(append(errs, u.list(removed))...)
}

// words joins what a person reads in a cell of a table.
func words(list []string) string {
	if len(list) == 0 {
		return "–"
	}
	s := list[0]
	for _, w := range list[1:] {
		s += ", " + w
	}
	return s
}
