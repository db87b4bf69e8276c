package vm_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/vm"
)

// BenchmarkClone is the smallest run: restore, read the payload, hand it over, leave.
func BenchmarkClone(b *testing.B) { benchmarkRun(b, job{Do: "nothing"}) }

// BenchmarkNet is 100 connections over loopback, with the host's scheduler free to move QEMU
// and without.
func BenchmarkNet(b *testing.B) {
	b.Run("pinned", func(b *testing.B) { benchmarkRun(b, job{Do: "net", Size: 100}) })
	b.Run("free", func(b *testing.B) {
		benchmarkRun(b, job{Do: "net", Size: 100}, func(c *vm.Clone) { c.Unpinned = true })
	})
}

// benchmarkRun reports the median time from Start to the first instruction of a guest, and
// what the host's CPU and memory had to give.
func benchmarkRun(b *testing.B, j job, set ...func(*vm.Clone)) {
	b.Helper()
	template(b)
	var restore []time.Duration
	var cpu time.Duration
	var memory int64
	for b.Loop() {
		r := run(b, j, set...)
		require.NoError(b, r.err)
		restore = append(restore, r.usage.Restore)
		cpu += r.usage.CPU
		memory = max(memory, r.usage.Memory)
	}
	slices.Sort(restore)
	b.ReportMetric(float64(restore[len(restore)/2].Microseconds())/1e3, "restore-ms")
	b.ReportMetric(float64(cpu.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(memory>>20), "peak-MiB")
}

// BenchmarkTemplate is a cold boot up to the freeze, and the template's way to the disk.
func BenchmarkTemplate(b *testing.B) {
	c := config(b)
	c.Machine = template(b).Machine()
	for b.Loop() {
		c.Dir = b.TempDir()
		t, err := vm.OpenTemplate(b.Context(), c, nil)
		require.NoError(b, err)
		require.NoError(b, t.Close())
		require.NoError(b, os.RemoveAll(c.Dir))
	}
}

func BenchmarkOutput(b *testing.B) {
	for _, size := range []int{16, 200 << 10, 1 << 20} {
		b.Run(byteCount(size), func(b *testing.B) {
			template(b)
			var cpu time.Duration
			for b.Loop() {
				r := run(b, job{Do: "output", Size: size})
				require.NoError(b, r.err)
				require.Len(b, r.output, size)
				cpu += r.usage.CPU
			}
			b.ReportMetric(float64(cpu.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

func BenchmarkPayload(b *testing.B) {
	for _, size := range []int{16, 200 << 10, 1 << 20} {
		b.Run(byteCount(size), func(b *testing.B) {
			template(b)
			fill := strings.Repeat("x", size)
			var cpu time.Duration
			for b.Loop() {
				r := run(b, job{Do: "nothing", Fill: fill})
				require.NoError(b, r.err)
				cpu += r.usage.CPU
			}
			b.ReportMetric(float64(cpu.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
		})
	}
}

func byteCount(n int) string {
	switch {
	case n >= 1<<20:
		return "1MiB"
	case n >= 1<<10:
		return "200KiB"
	}
	return "16B"
}
