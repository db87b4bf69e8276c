package vm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkClone(b *testing.B) {
	template(b)
	var restore, wall, cpu time.Duration
	var memory int64
	for b.Loop() {
		r := run(b, job{Do: "nothing"})
		require.NoError(b, r.err)
		restore += r.usage.Restore
		wall += r.usage.Wall
		cpu += r.usage.CPU
		memory = max(memory, r.usage.Memory)
	}
	b.ReportMetric(float64(restore.Microseconds())/1e3/float64(b.N), "restore-ms/op")
	b.ReportMetric(float64(cpu.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(memory>>20), "peak-MiB")
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
