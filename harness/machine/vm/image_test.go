package vm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// placed are two images: the first has a hole in it and ends within a page, the second begins where the first's memory
// ends.
func placed(t *testing.T) (*Config, []byte) {
	t.Helper()
	first := append(bytes.Repeat([]byte{1}, 300_000), make([]byte, 900_000)...)
	first = append(first, "the end"...)
	c := new(Config)
	for i, data := range [][]byte{first, []byte("another")} {
		path := filepath.Join(t.TempDir(), "image")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		sum := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
		c.Images = append(c.Images, Image{Name: fmt.Sprint("i", i), Path: path, Hash: sum, Sum: sum, Size: int64(len(data))})
	}
	return c, first
}

func TestImagesArePlaced(t *testing.T) {
	c, first := placed(t)
	ram, err := os.Create(filepath.Join(t.TempDir(), "ram"))
	require.NoError(t, err)
	defer ram.Close()
	require.NoError(t, ram.Truncate(int64(c.memory())))
	require.EqualValues(t, DefaultMemory+32<<20, c.memory())
	require.NoError(t, c.placeImages(ram))
	got := make([]byte, len(first))
	_, err = ram.ReadAt(got, 128<<20)
	require.NoError(t, err)
	require.True(t, bytes.Equal(first, got))
	got = got[:len("another")]
	_, err = ram.ReadAt(got, 144<<20)
	require.NoError(t, err)
	require.Equal(t, "another", string(got))
}

func TestADamagedImageIsRefused(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"is damaged":      func(data []byte) []byte { data[200_000] ^= 4; return data },
		"and should have": func(data []byte) []byte { return data[:len(data)-1] },
	} {
		c, first := placed(t)
		require.NoError(t, os.WriteFile(c.Images[0].Path, damage(bytes.Clone(first)), 0o600))
		ram, err := os.Create(filepath.Join(t.TempDir(), "ram"))
		require.NoError(t, err)
		defer ram.Close()
		require.ErrorContains(t, c.placeImages(ram), name)
	}
	c, _ := placed(t)
	c.Memory = 3 << 30
	err := c.checkImages()
	require.ErrorContains(t, err, "do not fit")
	require.Equal(t, problem.Usage, problem.KindOf(err))
}
