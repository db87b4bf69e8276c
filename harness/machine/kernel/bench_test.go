package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// BenchmarkAdd imports a package of 200 modules and an image of 20 MB into an empty store,
// or the package file that RULEOUT_KERNEL_DEB names.
func BenchmarkAdd(b *testing.B) {
	for _, f := range []deb.Format{deb.XZ, deb.Zstd} {
		b.Run(string(f), func(b *testing.B) {
			path := os.Getenv("RULEOUT_KERNEL_DEB")
			if path == "" {
				e := kernelEntries()
				e[3] = file("./boot/vmlinuz-"+testRelease, bzImage(testRelease, payload(deb.LZ4, vmlinux(20<<20)), nil))
				for i := range 200 {
					e = append(e, file(modulePath(fmt.Sprintf("m%d.ko", i)), ko()))
				}
				path = pkg{format: f, entries: e}.write(b)
			}
			info, err := os.Stat(path)
			require.NoError(b, err)
			b.SetBytes(info.Size())
			for b.Loop() {
				s, err := Open(filepath.Join(b.TempDir(), "kernels"))
				require.NoError(b, err)
				_, err = s.Add(context.Background(), path)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkFind is what every run pays: open the store, find the kernel, order modules.
func BenchmarkFind(b *testing.B) {
	distributionKernel(b)
	for b.Loop() {
		k := distributionKernel(b)
		_, err := k.ModuleOrder("veth", "sch_netem", "sch_prio", "cls_bpf")
		require.NoError(b, err)
	}
}

// BenchmarkReadModule is what every new template pays for each module.
func BenchmarkReadModule(b *testing.B) {
	k := distributionKernel(b)
	order, err := k.ModuleOrder("sch_netem")
	require.NoError(b, err)
	for b.Loop() {
		_, err := k.ReadModule(order[0])
		require.NoError(b, err)
	}
}
