package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/guesttest"
	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/result"
)

// TestGuestProgramIsSmall holds what the guest program imports against what must not act in a run.
func TestGuestProgramIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/ruleout/ruleout/cmd/ruleout-guest").Output()
	require.NoError(t, err)
	const module = "github.com/ruleout/ruleout/harness/"
	for _, path := range strings.Fields(string(out)) {
		for _, no := range []string{
			module + "verdict", module + "report", module + "selftest",
			module + "machine/kernel", module + "machine/backend", module + "record/archive",
			"html/template", "text/template", "net/http",
			"github.com/alecthomas/kong", "github.com/klauspost/compress", "github.com/gopacket/gopacket",
		} {
			require.False(t, path == no || strings.HasPrefix(path, no+"/"), "%s is in the guest program", path)
		}
	}
	info, err := os.Stat(filepath.Join(built(t, ""), "ruleout-guest"))
	require.NoError(t, err)
	// 7.5 MB were asked for when nodes were models only. Boxes, status pages and disciplines are 0.5 MB of this;
	// middleboxes 0.5, of which 0.3 write rules of nf_tables (google/nftables); datagrams, names and bulk data 0.3;
	// arrivals, manners of HTTP, marks, rejects and pauses 0.2.
	require.Less(t, info.Size(), int64(8_700_000), "bytes of the guest program")
}

// built returns a directory with both programs, in which each file that the overlay names is replaced.
func built(t *testing.T, overlay string) string {
	t.Helper()
	dir := t.TempDir()
	if overlay != "" {
		t.Setenv("GOFLAGS", strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	require.NoError(t,
		guesttest.Into(dir, "github.com/ruleout/ruleout/cmd/ruleout", "github.com/ruleout/ruleout/cmd/ruleout-guest"))
	return dir
}

// TestAWordOfAReportChangesNoDigest builds the programs twice, the second time with other words in a report. The guest
// program is the same, so the second command finds the machines of the first and gives the same digest.
func TestAWordOfAReportChangesNoDigest(t *testing.T) {
	const file, old, changed = "../../harness/report/section.go", "Expectations", "Anticipation"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	work := t.TempDir()
	replaced := filepath.Join(work, "section.go")
	require.NoError(t, os.WriteFile(replaced, []byte(strings.ReplaceAll(string(text), old, changed)), 0o644))
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: replaced}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(work, "overlay.json"), overlay, 0o644))

	dirs := []string{built(t, ""), built(t, filepath.Join(work, "overlay.json"))}
	require.Equal(t, bytesOf(t, dirs[0], "ruleout-guest"), bytesOf(t, dirs[1], "ruleout-guest"))
	require.NotEqual(t, bytesOf(t, dirs[0], "ruleout"), bytesOf(t, dirs[1], "ruleout"))

	cache, err := kernel.CacheDir()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(work, "ruleout"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(cache, "kernels"), filepath.Join(work, "ruleout", "kernels")))
	var digests []string
	for i, dir := range dirs {
		cmd := exec.Command(filepath.Join(dir, "ruleout"), "run", "../../scenarios/bench/hundred.yaml", "--out",
			filepath.Join(work, "records"))
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+work)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		if i == 0 {
			require.Contains(t, string(out), "booting kernel")
			require.Contains(t, string(out), old)
		} else {
			require.NotContains(t, string(out), "booting kernel", "no machine is made again")
			require.NotContains(t, string(out), "preparing", "nor prepared")
			require.Contains(t, string(out), changed)
		}
		_, rest, found := strings.Cut(string(out), "\nrecord  ")
		require.True(t, found, "%s", out)
		record, err := result.Read(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
		require.NoError(t, err)
		digests = append(digests, record.Digest)
	}
	require.Equal(t, digests[0], digests[1])
}

func bytesOf(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return result.Sum(b)
}
