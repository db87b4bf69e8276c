package shelf_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ruleout/ruleout/harness/machine/shelf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newShelf keeps directories that have a file named whole.
func newShelf(t *testing.T) *shelf.Shelf {
	return &shelf.Shelf{Dir: filepath.Join(t.TempDir(), "shelf"), What: "thing", Whole: func(dir string) error {
		_, err := os.Stat(filepath.Join(dir, "whole"))
		return err
	}}
}

// stock puts a directory with files on a shelf.
func stock(t *testing.T, s *shelf.Shelf, name string, files map[string]string) (dir string) {
	dir, err := s.Fill(t.Context(), name, func(staging string) error {
		for file, text := range files {
			to := filepath.Join(staging, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(text), 0o644)); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
	return dir
}

// parcel is one that Pack would not write.
func parcel(t *testing.T, entries ...tar.Header) []byte {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	for _, head := range entries {
		head.Mode = 0o644
		if head.Typeflag == 0 {
			head.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(&head))
		_, err := w.Write(make([]byte, head.Size))
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), z.Close()))
	return b.Bytes()
}

func good(string) error { return nil }

// nothing makes sure that what was refused left nothing on the shelf, nor beside it.
func nothing(t *testing.T, s *shelf.Shelf) {
	t.Helper()
	above, err := os.ReadDir(filepath.Dir(s.Dir))
	require.NoError(t, err)
	require.LessOrEqual(t, len(above), 1)
	entries, err := os.ReadDir(s.Dir)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	for _, e := range entries {
		require.Equal(t, shelf.LockFile, e.Name())
	}
}

func TestAParcelIsUnpackedAsItWasPacked(t *testing.T) {
	from, to := newShelf(t), newShelf(t)
	files := map[string]string{"whole": "1", "modules/a.ko": "a", "modules/deep/er/b.ko": "b", "left-out": "c"}
	dir := stock(t, from, "build-mine-1", files)
	var b bytes.Buffer
	require.NoError(t, shelf.Pack(&b, dir, "whole", "modules", "is-not-there"))
	checked := 0
	check := func(staging string) error {
		checked++
		require.FileExists(t, filepath.Join(staging, "modules/deep/er/b.ko"))
		return nil
	}
	for range 2 { // the second time it is there
		got, err := to.Unpack(t.Context(), "0123", bytes.NewReader(b.Bytes()), 3, check)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(to.Dir, "0123"), got)
		for name, text := range files {
			b, err := os.ReadFile(filepath.Join(got, name))
			if name == "left-out" {
				require.ErrorIs(t, err, os.ErrNotExist)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, text, string(b))
		}
	}
	require.Equal(t, 1, checked)
}

func TestALinkIsNotPacked(t *testing.T) {
	s := newShelf(t)
	dir := stock(t, s, "one", map[string]string{"whole": "1"})
	require.NoError(t, os.Symlink("/etc", filepath.Join(dir, "etc")))
	require.ErrorContains(t, shelf.Pack(new(bytes.Buffer), dir, "whole", "etc"), "pack "+dir)
}

func TestParcelsThatAreRefused(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Name: name} }
	for name, of := range map[string]struct {
		entries []tar.Header
		says    string
	}{
		"nothing":        {nil, "read the parcel"},
		"above":          {[]tar.Header{file("parcel/../../evil")}, `"parcel/../../evil", which is not a file below`},
		"beside":         {[]tar.Header{file("parcel/../evil")}, "which is not a file below"},
		"above at once":  {[]tar.Header{file("../evil")}, "which is not a file below"},
		"absolute":       {[]tar.Header{file("/tmp/evil")}, "which is not a file below"},
		"absolute below": {[]tar.Header{file("parcel//tmp/evil")}, "which is not a file below"},
		"itself":         {[]tar.Header{file("parcel/.")}, "which is not a file below"},
		"other top":      {[]tar.Header{file("parcel/whole"), file("other/evil")}, `"other/evil", which is not a file below`},
		"no top":         {[]tar.Header{file("whole")}, "which is not a file below"},
		"detour":         {[]tar.Header{file("parcel/a/../whole")}, "which is not a file below"},
		"link": {[]tar.Header{{Name: "parcel/whole", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
			"which is not a file below"},
		"hard link": {[]tar.Header{file("parcel/a"), {Name: "parcel/b", Typeflag: tar.TypeLink, Linkname: "parcel/a"}},
			"which is not a file below"},
		"through a link": {[]tar.Header{{Name: "parcel/d", Typeflag: tar.TypeSymlink, Linkname: "/tmp"},
			file("parcel/d/evil")}, "which is not a file below"},
		"directory": {[]tar.Header{{Name: "parcel/d/", Typeflag: tar.TypeDir}}, "which is not a file below"},
		"device":    {[]tar.Header{{Name: "parcel/d", Typeflag: tar.TypeBlock}}, "which is not a file below"},
		"pipe":      {[]tar.Header{{Name: "parcel/d", Typeflag: tar.TypeFifo}}, "which is not a file below"},
		"twice":     {[]tar.Header{file("parcel/whole"), file("parcel/whole")}, "file exists"},
		"file and directory": {[]tar.Header{file("parcel/a"), file("parcel/a/b")},
			"not a directory"},
		"too many bytes": {[]tar.Header{{Name: "parcel/a", Size: 600}, {Name: "parcel/b", Size: 600}},
			"the parcel is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			_, err := s.Unpack(t.Context(), "0123", bytes.NewReader(parcel(t, of.entries...)), 1000, func(string) error {
				t.Error("what is refused is not checked")
				return nil
			})
			require.ErrorContains(t, err, of.says)
			nothing(t, s)
		})
	}
}

func TestAParcelOfTooManyFilesIsRefused(t *testing.T) {
	defer shelf.SetMostEntries(3)()
	entries := []tar.Header{{Name: "parcel/whole"}, {Name: "parcel/b"}, {Name: "parcel/c"}, {Name: "parcel/d"}}
	s := newShelf(t)
	_, err := s.Unpack(t.Context(), "0123", bytes.NewReader(parcel(t, entries...)), 1000, good)
	require.ErrorContains(t, err, "more than 3 files")
	nothing(t, s)
	_, err = s.Unpack(t.Context(), "0123", bytes.NewReader(parcel(t, entries[:3]...)), 1000, good)
	require.NoError(t, err)
}

// At whichever byte it ends.
func TestAParcelThatIsCutOffIsRefused(t *testing.T) {
	whole := parcel(t, tar.Header{Name: "parcel/whole", Size: 3000}, tar.Header{Name: "parcel/more", Size: 10})
	s := newShelf(t)
	for cut := range len(whole) {
		_, err := s.Unpack(t.Context(), "0123", bytes.NewReader(whole[:cut]), 1<<20, good)
		require.Error(t, err, "%d bytes of %d", cut, len(whole))
	}
	nothing(t, s)
	spoilt := bytes.Clone(whole)
	spoilt[len(spoilt)-1] ^= 1 // of the checksum
	_, err := s.Unpack(t.Context(), "0123", bytes.NewReader(spoilt), 1<<20, good)
	require.Error(t, err)
	nothing(t, s)
}

func TestAParcelThatIsNotWhatWasAskedForIsRefused(t *testing.T) {
	s := newShelf(t)
	other := errors.New("it has another hash")
	_, err := s.Unpack(t.Context(), "0123", bytes.NewReader(parcel(t, tar.Header{Name: "parcel/whole"})), 1000,
		func(string) error { return other })
	require.ErrorIs(t, err, other)
	nothing(t, s)
}

func TestUnpackingEndsWithItsContext(t *testing.T) {
	s := newShelf(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Unpack(ctx, "0123", bytes.NewReader(parcel(t, tar.Header{Name: "parcel/whole"})), 1000, good)
	require.ErrorIs(t, err, context.Canceled)
	nothing(t, s)
}
