package cross_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/golden"
	"github.com/ruleout/ruleout/harness/selftest/cross"
)

const (
	// envProgram is the path of the program that makes the runs. Without it they are left to make test-cross.
	envProgram = "RULEOUT_TEST_CROSS"
	// envKernel names the kernel of the store; empty means the default one.
	envKernel = "RULEOUT_KERNEL"
)

// brief are the scenarios of the short form, which still has most of what there is to see.
var brief = []string{"corrupt-mtu", "datagrams", "inject", "ipv6", "watch-drop"}

// record runs a scenario of testdata. Its record and its captures are in a directory then.
func record(t *testing.T, scenario string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	args := []string{"run", filepath.Join("testdata", scenario+".yaml"), "--pcap", dir, "--snaplen", "0", "--out", dir,
		"--format", "json"}
	if k := os.Getenv(envKernel); k != "" {
		args = append(args, "--kernel", k)
	}
	cmd := exec.CommandContext(t.Context(), os.Getenv(envProgram), args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	file := filepath.Join(dir, "record.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return dir
}

func read(t *testing.T, shark *cross.Reader, dir string) *cross.Run {
	t.Helper()
	rec, err := cross.ReadRecord(filepath.Join(dir, "record.json"))
	require.NoError(t, err)
	require.True(t, rec.Valid, rec.InvalidBecause)
	run, err := shark.Run(t.Context(), rec, dir)
	require.NoError(t, err)
	return run
}

// Every figure of the record that packets tell is what tshark sees in the capture of the same run, over all faults
// that there are.
func TestRecordsAgreeWithTheirCaptures(t *testing.T) {
	if os.Getenv(envProgram) == "" {
		t.Skip("make test-cross runs this: it takes some minutes, and tshark")
	}
	version, err := cross.Shark(t.Context())
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	text, err := os.ReadFile("../../../docs/reference/metrics.md")
	require.NoError(t, err)
	table := cross.NewTable(cross.Catalogue(string(text)))
	var scenarios []string
	kernel := ""
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if testing.Short() && !slices.Contains(brief, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dir := record(t, name)
			shark := &cross.Reader{Scratch: t.TempDir()}
			run := read(t, shark, dir)
			require.Empty(t, table.Add(run), "the record and the capture do not agree")
			falsifyRecord(t, run)
			if name == "watch-drop" {
				falsifyCapture(t, shark, dir)
			}
			scenarios = append(scenarios, fmt.Sprintf("| `%s` | %s |\n", name, about(t, file)))
			kernel = run.Provenance.Kernel
		})
	}
	if t.Failed() || testing.Short() {
		return
	}
	require.Empty(t, table.Seldom(5), "metrics are to be looked at in five scenarios at least")
	if kernels := os.Getenv(envKernel); kernels == "" {
		golden.Equal(t, "../../../docs/architecture/cross.md", page(version, kernel, scenarios, table))
	}
}

// falsifyRecord makes each figure of the record wrong, both ways, and wants that to be noticed.
func falsifyRecord(t *testing.T, run *cross.Run) {
	t.Helper()
	for _, c := range cross.Checks() {
		for _, o := range c.Compare(run) {
			was, ok := run.Value(o.Name)
			require.True(t, ok)
			// Beyond the bound by a part in a million, and by one in what is counted.
			beyond := 1e-6
			if o.Low == float64(int64(o.Low)) && o.High == float64(int64(o.High)) {
				beyond = 1
			}
			for _, by := range []float64{o.High - o.Value + beyond, o.Low - o.Value - beyond} {
				if by-by != 0 {
					continue // there is no upper bound
				}
				run.Set(o.Name, was+by)
				wrong := slices.ContainsFunc(c.Compare(run), func(x cross.Outcome) bool { return x.Off() > 0 })
				require.True(t, wrong, "%s was %v and is %v now: nobody notices", o.Name, was, was+by)
				run.Set(o.Name, was)
			}
		}
	}
}

// falsifyCapture takes one packet from each point of a capture, then damages one, and wants that to be noticed.
func falsifyCapture(t *testing.T, shark *cross.Reader, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	require.NoError(t, err)
	if testing.Short() {
		files = files[:1]
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		for point := range cross.PointsOf(whole) {
			for what, change := range map[string]func([]byte, string) []byte{"without": cross.Without,
				"damaged": cross.Damaged} {
				if what == "damaged" && (strings.HasSuffix(point, " sent") || strings.HasSuffix(point, ">edge received")) {
					continue // the checksum is looked at where a packet arrives, and not by a router
				}
				require.NoError(t, os.WriteFile(file, change(whole, point), 0o600))
				wrong := cross.NewTable(nil).Add(read(t, shark, dir))
				require.NotEmpty(t, wrong, "a packet %s at %s: nobody notices", what, point)
			}
		}
		require.NoError(t, os.WriteFile(file, whole, 0o600))
	}
}

// about is the line of a scenario that says what it is for.
func about(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "\nabout: \"")
	line, _, ok := strings.Cut(rest, "\"\n")
	require.True(t, ok)
	return line
}

// Without tshark there is nothing to compare with, and that is an error which says what to install.
func TestNoTsharkIsAnError(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := cross.Shark(context.Background())
	require.ErrorIs(t, err, cross.ErrNoShark)
	require.ErrorContains(t, err, "bin/ruleout setup --tests")
}
