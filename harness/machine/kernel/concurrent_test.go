package kernel

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruleout/ruleout/harness/machine/deb"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

func TestManyProcessesImportAtOnce(t *testing.T) {
	s := newStore(t)
	debs := []string{
		pkg{format: deb.XZ, entries: kernelEntries()}.write(t),
		pkg{format: deb.XZ, version: "6.1.99-2", entries: kernelEntries()}.write(t),
	}
	var processes []*process
	for i := range 8 {
		processes = append(processes, start(t, "import", s.Dir(), debs[i%2]))
	}
	var dirs [2]string
	for i, p := range processes {
		dir := p.line(t)
		require.NoError(t, p.Wait())
		if i < 2 {
			dirs[i] = dir
		}
		require.Equal(t, dirs[i%2], dir)
	}
	require.NotEqual(t, dirs[0], dirs[1])
	kernels, err := s.List()
	require.NoError(t, err)
	require.Len(t, kernels, 2)
	for _, k := range kernels {
		_, err := k.ReadModule("kernel/drivers/net/veth.ko")
		require.NoError(t, err)
		require.Equal(t, testRelease+"_"+k.Version, k.Name, "two kernels share the release")
	}
	entries, err := os.ReadDir(s.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 3, "two kernels and the lock")
}

// held starts a process that has begun to import deb.
func held(t *testing.T, s *Store, deb string) (p *process, staging string) {
	f, err := openDeb(context.Background(), deb)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	p = start(t, "hold", s.Dir(), dirName([]string{f.sum}))
	staging = filepath.Join(s.Dir(), shelf.Staging+dirName([]string{f.sum}))
	require.Equal(t, "holding "+staging, p.line(t))
	return p, staging
}

func TestAddWaitsForAnotherProcessAndTakesOver(t *testing.T) {
	s := newStore(t)
	deb := pkg{entries: kernelEntries()}.write(t)
	p, staging := held(t, s, deb)

	ctx, cancel := context.WithCancel(context.Background())
	waited := make(chan error)
	told := 0
	s.Waits = func() {
		told++
		cancel()
	}
	go func() {
		_, err := s.Add(ctx, deb)
		waited <- err
	}()
	require.ErrorIs(t, <-waited, context.Canceled)
	require.Equal(t, 1, told)
	s.Waits = nil
	require.FileExists(t, filepath.Join(staging, "half"), "what another process works on was removed")

	go func() {
		_, err := s.Add(context.Background(), deb)
		waited <- err
	}()
	require.NoError(t, p.in.Close())
	require.Contains(t, p.line(t), "gave up")
	require.NoError(t, <-waited)
	require.NoDirExists(t, staging)
}

func TestGCTakesWhatKilledImportsLeft(t *testing.T) {
	s := newStore(t)
	deb := pkg{entries: kernelEntries()}.write(t)
	p, staging := held(t, s, deb)

	removed, err := s.GC()
	require.NoError(t, err)
	require.Empty(t, removed, "its owner lives")
	require.FileExists(t, filepath.Join(staging, "half"))

	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	removed, err = s.GC()
	require.NoError(t, err)
	require.Equal(t, []string{staging}, removed)
	requireEmpty(t, s)
}

func TestAddClearsWhatAKilledImportLeft(t *testing.T) {
	s := newStore(t)
	deb := pkg{entries: kernelEntries()}.write(t)
	p, _ := held(t, s, deb)
	require.NoError(t, p.Process.Kill())
	require.Error(t, p.Wait())
	k, err := s.Add(context.Background(), deb)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(k.Dir, "half"))
}

func TestGCKeepsKernelsAndDownloadsInUse(t *testing.T) {
	s := newStore(t)
	k, err := s.Add(context.Background(), pkg{entries: kernelEntries()}.write(t))
	require.NoError(t, err)
	dir, release, err := s.shelf().Room()
	require.NoError(t, err)
	broken := filepath.Join(s.Dir(), "0123456789abcdef")
	later := filepath.Join(s.Dir(), "fedcba9876543210")
	for _, d := range []string{broken, later, filepath.Join(s.Dir(), shelf.Trash+"x")} {
		require.NoError(t, os.Mkdir(d, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(later, metaFile), []byte(`{"schema": 2}`), 0o644))

	removed, err := s.GC()
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(s.Dir(), shelf.Trash+"x"), broken}, removed)
	require.DirExists(t, dir)
	require.DirExists(t, later, "another version of ruleout may use it")
	require.FileExists(t, k.Image())

	release()
	require.NoDirExists(t, dir)
	removed, err = s.GC()
	require.NoError(t, err)
	require.Empty(t, removed)
}
