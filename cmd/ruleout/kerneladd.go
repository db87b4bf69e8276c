package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
)

type kernelAddCmd struct {
	What []string `arg:"" name:"deb" help:"Package files of one kernel: linux-image, and linux-modules if the distribution splits it. With --image or --tree, the name that the kernel gets." placeholder:"DEB" complete:"deb"`

	Image   string `help:"Add your build: bzImage, vmlinuz or vmlinux." placeholder:"FILE" type:"path" complete:"file"`
	Modules string `help:"Its modules: lib/modules/RELEASE, or what make modules_install INSTALL_MOD_PATH=DIR filled. Not needed if all that a run needs is built in." placeholder:"DIR" type:"path" complete:"dir"`
	Config  string `help:"Its .config (default: looked for beside the image and the modules)." placeholder:"FILE" type:"path" complete:"file"`
	Tree    string `help:"Add your build from its source tree, or from the directory of make O=DIR." placeholder:"DIR" type:"path" complete:"dir"`
	Replace bool   `help:"Replace the build that has the name."`
	Format  string `help:"Output: text (the name) or json (the kernel as in kernel list)." enum:"text,json" default:"text"`
}

func (*kernelAddCmd) Help() string {
	return `For kernels that apt here does not have: of other distributions, older ones, your own. Nothing in a package or
build is run, and nothing is written outside the store.

A build needs no package. The image, its configuration and the modules, without debugging information, are copied under
the name that you give. They are checked at once: the architecture, that image and modules are of one release, and that
options and modules that every run needs are there. A build is the default kernel only where the store has no other. Its
name, its release and its hash mean it, and nothing else does.

Examples:

  ruleout kernel add linux-image-6.12.9-cloud-amd64_6.12.9-1_amd64.deb
  ruleout kernel add linux-image-*.deb linux-modules-*.deb
  ruleout kernel add mine --tree ~/src/linux --replace
  ruleout kernel add mine --image arch/x86/boot/bzImage --modules /tmp/installed`
}

// Run carries the command out.
func (c *kernelAddCmd) Run(ctx context.Context, u *ui) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	store.Waits = u.waits
	add := func() (*kernel.Kernel, error) { return store.Add(ctx, c.What...) }
	if c.Image != "" || c.Tree != "" {
		add = func() (*kernel.Kernel, error) { return c.build(ctx, store) }
	} else if c.Modules != "" || c.Config != "" || c.Replace {
		return problem.Wrap(problem.Usage, errors.New("--modules, --config and --replace are for a build"),
			"add its --image FILE, or give --tree DIR instead")
	}
	k, err := add()
	if err != nil {
		return err
	}
	return u.tellKernel(store, k)
}

// build adds a kernel that was built and not packaged.
func (c *kernelAddCmd) build(ctx context.Context, store *kernel.Store) (*kernel.Kernel, error) {
	switch {
	case len(c.What) != 1:
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("one name is needed, and there are %d: %s", len(c.What),
			strings.Join(c.What, " ")), "ruleout kernel add NAME --image FILE --modules DIR")
	case c.Tree != "" && (c.Image != "" || c.Modules != "" || c.Config != ""):
		return nil, problem.Wrap(problem.Usage, errors.New("--tree does not go with --image, --modules and --config"),
			"give the tree alone: all three are in it")
	}
	return store.AddBuild(ctx, kernel.Build{
		Name: c.What[0], Image: c.Image, Modules: c.Modules, Config: c.Config, Tree: c.Tree, Replace: c.Replace,
	})
}
