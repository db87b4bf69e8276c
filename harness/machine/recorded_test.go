package machine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/kernel"
	"github.com/ruleout/ruleout/harness/record/result"
)

// A record names a kernel by its release. A build with that release is taken if the record's configuration is its own.
func TestTheKernelOfARecord(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	put := func(dir string, k kernel.Kernel) {
		dir = filepath.Join(cache, "ruleout/kernels", dir)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		text, err := json.Marshal(k)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "kernel.json"), text, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "vmlinux"), nil, 0o644))
	}
	of := func(release, config string) string {
		name, err := kernelOf(&result.Provenance{Kernel: release, KernelConfig: config, Software: "sha256:0"})
		require.NoError(t, err)
		return name
	}
	require.Equal(t, "6.12.9", of("6.12.9", "sha256:a"), "an empty store: the message comes when the kernel is opened")
	put("p", kernel.Kernel{Release: "6.12.9", Version: "1", ConfigHash: "sha256:a", Hash: "sha256:1", Schema: 1})
	put("build-mine-1", kernel.Kernel{Release: "6.12.9", ConfigHash: "sha256:b", Hash: "sha256:2", Schema: 2,
		Build: &kernel.Origin{Name: "mine", Generation: 1}})
	put("build-only-1", kernel.Kernel{Release: "6.12.9+", ConfigHash: "sha256:b", Hash: "sha256:3", Schema: 2,
		Build: &kernel.Origin{Name: "only", Generation: 1}})
	require.Equal(t, "6.12.9", of("6.12.9", "sha256:a"))
	require.Equal(t, "mine", of("6.12.9", "sha256:b"))
	require.Equal(t, "6.12.9", of("6.12.9", "sha256:c"), "neither: the package")
	require.Equal(t, "only", of("6.12.9+", "sha256:c"))
	require.Equal(t, "6.1", of("6.1", "sha256:a"))
}
