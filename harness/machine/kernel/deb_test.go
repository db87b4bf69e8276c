package kernel

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseControl(t *testing.T) {
	c, err := parseControl([]byte("\nPackage: a\nDepends: b,\n c (>= 1)\nEmpty:\n\nPackage: next\n"))
	require.NoError(t, err)
	require.Equal(t, control{"Package": "a", "Depends": "b,\nc (>= 1)", "Empty": ""}, c)

	_, err = parseControl([]byte(" continued\n"))
	require.ErrorContains(t, err, "continues nothing")
}

func TestReadDebSkipsMembersOfOthers(t *testing.T) {
	deb := arFile("debian-binary", []byte("2.0\n"), "_gpgorigin/", []byte("odd"), "control.tar/", tarball(file("control", []byte("Package: a\n"))), "_x", []byte{}, "data.tar/", tarball(file("a", []byte("A"))))
	var names []string
	err := readDeb(bytes.NewReader(deb), defaultLimits, func(c control) error {
		names = append(names, c["Package"])
		return nil
	}, func(h *tar.Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		names = append(names, h.Name+"="+string(data))
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a=A"}, names)
}

// FuzzReadDeb looks for panics and for entries that leave the package or its bounds.
func FuzzReadDeb(f *testing.F) {
	for _, format := range []format{plain, gzipped, xzip, zstandard} {
		f.Add(pkg{format: format, entries: kernelEntries()}.bytes())
	}
	f.Add(withData(tarball(kernelEntries(link("./usr/x", "/tmp"), file("./usr/x/y", nil), hardLink("a", "b"))...)))
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := limits{entries: 100, file: 1 << 20, total: 4 << 20, module: 1 << 20, image: 1 << 20}
		entries, size := 0, int64(0)
		seen := map[string]bool{}
		err := readDeb(bytes.NewReader(data), lim, func(c control) error {
			require.NotEmpty(t, c["Package"])
			return nil
		}, func(h *tar.Header, r io.Reader) error {
			entries++
			name, err := cleanName(h.Name)
			require.NoError(t, err)
			require.True(t, inside(name))
			require.NotContains(t, name, "\x00")
			require.False(t, h.Typeflag == tar.TypeReg && seen[name], "a file twice")
			seen[name] = true
			n, err := io.Copy(io.Discard, r)
			size += n
			return err
		})
		require.LessOrEqual(t, entries, lim.entries)
		require.LessOrEqual(t, size, lim.total)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(testConfig))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := parseConfig(text)
		// What the hash covers does not depend on order and comments.
		require.Equal(t, c.hash(), parseConfig(append([]byte("# comment\n"), text...)).hash())
	})
}
