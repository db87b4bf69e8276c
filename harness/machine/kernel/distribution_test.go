package kernel

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

// distributionKernel is the kernel that scenarios run on by default, or the one that
// RULEOUT_KERNEL names.
func distributionKernel(t testing.TB) *Kernel {
	s, err := OpenDefault()
	require.NoError(t, err)
	name := os.Getenv("RULEOUT_KERNEL")
	if name == "" {
		k, err := s.Default()
		require.NoError(t, err, "this test needs a kernel in the store: ruleout kernel pull")
		return k
	}
	k, err := s.Get(name)
	require.NoError(t, err)
	return k
}

func TestDistributionKernelCanBeAGuest(t *testing.T) {
	k := distributionKernel(t)
	lacks, err := k.Lacks()
	require.NoError(t, err)
	for _, f := range lacks {
		require.False(t, f.Needed, "%s has no %s (CONFIG_%s)", k, f.Name, f.Option)
	}
	image, err := elf.Open(k.Image())
	require.NoError(t, err)
	defer func() { require.NoError(t, image.Close()) }()
	require.Equal(t, elf.EM_X86_64, image.Machine)
	note := slices.IndexFunc(image.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_NOTE })
	require.GreaterOrEqual(t, note, 0, "no notes, so no PVH entry point")

	raw, err := k.BTF()
	require.NoError(t, err)
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	require.NoError(t, err)
	var skb *btf.Struct
	require.NoError(t, spec.TypeByName("sk_buff", &skb))
}

func TestDistributionKernelHasWhatItsHashSays(t *testing.T) {
	k := distributionKernel(t)
	sum := func(name string, data []byte) string { return fmt.Sprintf("%s %x\n", name, sha256.Sum256(data)) }
	sums := []string{sum(imageFile, read(t, k.Image())), sum(configFile, read(t, k.ConfigFile()))}
	x, err := k.modules()
	require.NoError(t, err)
	require.Len(t, x.Modules, k.Modules)
	for _, m := range x.Modules {
		data, err := k.ReadModule(m.Path)
		require.NoError(t, err)
		sums = append(sums, sum("modules/"+m.Path, data))
	}
	slices.Sort(sums)
	require.Equal(t, k.Hash, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(sums, "")))))
}

// depmod works dependencies out from the symbols that modules export and import, we read
// what the build wrote down.
func TestModuleOrderAgreesWithDepmod(t *testing.T) {
	depmod, err := exec.LookPath("depmod")
	if err != nil {
		if depmod, err = exec.LookPath("/sbin/depmod"); err != nil {
			require.NoError(t, err, "there is no depmod to compare with: bin/ruleout setup --tests installs it, or says how")
		}
	}
	k := distributionKernel(t)
	x, err := k.modules()
	require.NoError(t, err)
	root := t.TempDir()
	tree := filepath.Join(root, "lib/modules", k.Release)
	for _, m := range x.Modules {
		data, err := k.ReadModule(m.Path)
		require.NoError(t, err)
		file := filepath.Join(tree, m.Path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, data, 0o644))
	}
	out, err := exec.Command(depmod, "-b", root, k.Release).CombinedOutput()
	require.NoError(t, err, string(out))
	modules := 0
	for line := range strings.Lines(string(read(t, filepath.Join(tree, "modules.dep")))) {
		path, needs, ok := strings.Cut(strings.TrimSpace(line), ":")
		require.True(t, ok, line)
		order, err := k.ModuleOrder(moduleName(path))
		require.NoError(t, err)
		require.Equal(t, path, order[len(order)-1])
		require.ElementsMatch(t, strings.Fields(needs), order[:len(order)-1], path)
		// Each after what it needs.
		done := map[string]bool{}
		for _, p := range order {
			for _, need := range x.byName[moduleName(p)].Needs {
				if m := x.byName[need]; m != nil {
					require.True(t, done[m.Path], "%s stands before %s", p, m.Path)
				}
			}
			done[p] = true
		}
		modules++
	}
	require.Equal(t, k.Modules, modules)
}
