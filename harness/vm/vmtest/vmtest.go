package vmtest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ruleout/ruleout/harness/kernel"
	"github.com/ruleout/ruleout/harness/problem"
	"github.com/ruleout/ruleout/harness/vm"
	"github.com/ruleout/ruleout/harness/vm/guest"
)

// EnvKernel names the kernel in the store that tests run on; empty means the default one.
const EnvKernel = "RULEOUT_KERNEL"

// inGuest is set before any test runs.
var inGuest bool

// InGuest reports whether the test runs inside a clone, as root, on a kernel with netem.
func InGuest() bool { return inGuest }

// Main runs the package's tests inside a clone and ends the process with their status. Call
// it in TestMain, behind agent.Main if the package starts agents.
func Main(m *testing.M) {
	if guest.IsInit() {
		guest.Main(func(_ context.Context, payload []byte, out guest.Host) int {
			inGuest = true
			return runTests(m, payload, out)
		}, enter)
	}
	status, err := boot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
		if hint := problem.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "vmtest: hint:", hint)
		}
		status = max(status, 1)
	}
	os.Exit(status)
}

// order is what the host asks of the guest.
type order struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
	// Cover says that a coverage profile is wanted as output.
	Cover bool `json:"cover"`
}

const (
	guestDir     = "/tmp/work"
	packedDir    = "/usr/share/ruleout-test"
	guestProfile = "/tmp/cover.out"
	dataDir      = "testdata"
	maxData      = 16 << 20 // bytes
)

// runTests is the guest's side.
func runTests(m *testing.M, payload []byte, out io.Writer) int {
	var o order
	if err := json.Unmarshal(payload, &o); err != nil {
		fmt.Fprintln(os.Stderr, "vmtest: read the order:", err)
		return 1
	}
	for _, e := range o.Env {
		name, value, _ := strings.Cut(e, "=")
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "vmtest:", err)
			return 1
		}
	}
	os.Args = append(os.Args[:1], o.Args...)
	status := m.Run()
	if o.Cover && status == 0 {
		profile, err := os.ReadFile(guestProfile)
		if err == nil {
			_, err = out.Write(profile)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "vmtest: hand over the coverage profile:", err)
			return 1
		}
	}
	return status
}

// enter goes to the directory that tests start in. It runs before the freeze, so that every
// clone begins there.
func enter() error {
	if err := os.MkdirAll(guestDir, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(guestDir, os.DirFS(packedDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Chdir(guestDir)
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

// boot is the host's side: it runs this very binary in a clone.
func boot() (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flag.Parse()
	template, err := openTemplate(ctx)
	if err != nil {
		return 1, err
	}
	defer template.Close()
	o, profile, err := newOrder(os.Args[1:])
	if err != nil {
		return 1, err
	}
	payload, err := json.Marshal(o)
	if err != nil {
		return 1, err
	}
	clone := template.Command(payload)
	clone.Log = os.Stdout
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return 1, err
		}
		defer f.Close()
		clone.Output = f
	}
	err = clone.Run(ctx)
	if exit := (*vm.ExitError)(nil); errors.As(err, &exit) {
		return exit.Status, nil // the tests have told already why
	}
	if panicked := (*vm.PanicError)(nil); errors.As(err, &panicked) {
		fmt.Fprintln(os.Stderr, strings.Join(panicked.Console, "\n"))
	}
	return 0, err
}

func openTemplate(ctx context.Context) (*vm.Template, error) {
	qemu, err := vm.ChooseQEMU(ctx, "")
	if err != nil {
		return nil, err
	}
	k, err := Kernel()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	files, err := testData()
	if err != nil {
		return nil, err
	}
	progress := func(text string) { fmt.Fprintln(os.Stderr, "vmtest:", text) }
	if !testing.Verbose() {
		progress = nil
	}
	return vm.OpenTemplate(ctx, vm.Config{QEMU: qemu, Kernel: k, Init: self, Memory: 512 << 20, Shift: 1, Files: files, Once: true}, progress)
}

// Kernel returns the kernel that tests run on: $RULEOUT_KERNEL, or the default one.
func Kernel() (*kernel.Kernel, error) {
	cache, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	store, err := kernel.Open(filepath.Join(cache, "kernels"))
	if err != nil {
		return nil, err
	}
	if name := os.Getenv(EnvKernel); name != "" {
		return store.Get(name)
	}
	return store.Default()
}

// newOrder rewrites the flags that name files of the host.
func newOrder(args []string) (order, string, error) {
	o := order{}
	profile, outDir := "", ""
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch name {
		case "test.coverprofile":
			profile, o.Cover = value, value != ""
			arg = "-test.coverprofile=" + guestProfile
		case "test.outputdir":
			outDir = value
			continue
		case "test.gocoverdir", "test.testlogfile":
			continue
		case "test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace":
			if value != "" {
				return o, "", problem.Wrap(problem.Usage, fmt.Errorf("-%s does not reach out of the guest", name), "leave it out, or profile on the host")
			}
		}
		o.Args = append(o.Args, arg)
	}
	if profile != "" && !filepath.IsAbs(profile) {
		profile = filepath.Join(outDir, profile)
	}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "RULEOUT_TEST_") {
			o.Env = append(o.Env, e)
		}
	}
	return o, profile, nil
}
