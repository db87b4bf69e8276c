package vm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcessor(t *testing.T) {
	images := []Image{{Name: "site"}}
	for _, c := range []struct {
		version string
		images  []Image
		level   int
		want    string
	}{
		{"7.2.22", nil, 1, "qemu64,+arat,-cx16"},
		{"7.2.22", images, 1, "qemu64,+arat,-cx16,+ssse3,+sse4.1,+sse4.2,+popcnt"},
		{"7.2.94", nil, 1, "qemu64,+arat,-cx16"}, // candidates for 8.0
		{"8.0.0", nil, 2, "qemu64,+arat"},
		{"8.2.10", images, 2, "qemu64,+arat,+ssse3,+sse4.1,+sse4.2,+popcnt"},
		{"10.0.2", nil, 2, "qemu64,+arat"},
		{"", nil, 1, "qemu64,+arat,-cx16"},
	} {
		config := Config{QEMU: QEMU{Version: c.version}, Images: c.images}
		require.Equal(t, c.want, config.processor(), c.version)
		require.Equal(t, c.level, config.QEMU.Level(), c.version)
	}
}
