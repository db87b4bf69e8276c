package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/machine/vm"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// host is the host's side: it runs this very binary in clones.
func host(modules, programs []string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := readOrders(ctx)
	if err != nil {
		return 1, err
	}
	template, err := openTemplate(ctx, modules, programs)
	if err != nil {
		return 1, err
	}
	defer template.Close()
	return o.run(ctx, template)
}

func tell(err error) {
	if panicked := (*vm.PanicError)(nil); errors.As(err, &panicked) {
		fmt.Fprintln(os.Stderr, strings.Join(panicked.Console, "\n"))
	}
	fmt.Fprintln(os.Stderr, "vmtest:", err)
	if hint := problem.HintOf(err); hint != "" {
		fmt.Fprintln(os.Stderr, "vmtest: hint:", hint)
	}
}

func openTemplate(ctx context.Context, modules, programs []string) (*vm.Template, error) {
	qemu, err := vm.ChooseQEMU(ctx, "")
	if err != nil {
		return nil, err
	}
	k, err := Kernel()
	if err != nil {
		return nil, err
	}
	self, err := vm.Self()
	if err != nil {
		return nil, err
	}
	files, err := testData()
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if err := pack(ctx, files, p); err != nil {
			return nil, err
		}
	}
	progress := func(text string) { fmt.Fprintln(os.Stderr, "vmtest:", text) }
	if !testing.Verbose() {
		progress = nil
	}
	return vm.OpenTemplate(ctx, vm.Config{QEMU: qemu, Kernel: k, Init: self, Memory: 512 << 20, Shift: 1, Files: files,
		Once: true, Modules: slices.Concat(frame.DefaultModules, modules)}, progress)
}

// Kernel returns the kernel that tests run on: $RULEOUT_KERNEL, or the default one.
func Kernel() (*kernel.Kernel, error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return nil, err
	}
	return store.Choose(os.Getenv(EnvKernel))
}

// testData collects the package's testdata for the guest.
func testData() (map[string][]byte, error) {
	files := make(map[string][]byte)
	size := 0
	err := filepath.WalkDir(dataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if size += len(data); size > maxData {
			return fmt.Errorf("pack %s for the guest: it has more than %d MiB", dataDir, maxData>>20)
		}
		files[packedDir+"/"+path] = data
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, err
}
