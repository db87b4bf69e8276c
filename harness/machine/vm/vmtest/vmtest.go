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
	"strings"
	"testing"

	"github.com/ruleout/ruleout/harness/machine/vm/guest"
)

// EnvKernel names the kernel in the store that tests run on; empty means the default one.
const EnvKernel = "RULEOUT_KERNEL"

// inGuest is set before any test runs.
var inGuest bool

// InGuest reports whether the test runs inside a clone, as root, on a kernel with netem.
func InGuest() bool { return inGuest }

// Main runs the package's tests inside clones and ends the process with their status. Call it in TestMain, after
// agent.Main if the package starts agents. The programs are some of the host's that tests run in the guest: they
// are in PATH there, with the libraries that they need.
func Main(m *testing.M, programs ...string) { MainWith(m, nil, programs...) }

// MainWith is [Main] with further modules of the kernel, which are loaded before the freeze.
func MainWith(m *testing.M, modules []string, programs ...string) {
	if guest.IsInit() {
		guest.Main(func(_ context.Context, payload []byte, out guest.Host) int {
			inGuest = true
			return runTests(m, payload, out)
		}, enter)
	}
	flag.Parse()
	if lists() {
		os.Exit(m.Run())
	}
	status, err := host(modules, programs)
	if err != nil {
		tell(err)
		status = max(status, 1)
	}
	os.Exit(status)
}

const (
	guestDir     = "/tmp/work"
	programDir   = "/usr/bin"
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
	if err := os.Setenv("PATH", programDir); err != nil {
		fmt.Fprintln(os.Stderr, "vmtest:", err)
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
