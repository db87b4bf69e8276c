package image

import (
	"debug/elf"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLook(t *testing.T) {
	const ld = "/lib64/ld-linux-x86-64.so.2"
	x := elf.EM_X86_64
	files := map[string]string{
		"lib64/ld-linux-x86-64.so.2": program(x, "", ""), "opt/deep/down/libfar.so": program(x, "", ""),
		"usr/bin/far": program(x, ld, "", "libfar.so"), "usr/bin/farther": program(x, ld, "", "libfarther.so"),
		"usr/bin/tool9.1": program(x, ld, ""), "usr/bin/tool10": program(x, ld, ""), "opt/own": program(x, ld, ""),
	}
	look := func(files map[string]string) *Looker {
		dir := t.TempDir()
		for name, text := range files {
			file := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o755))
		}
		i, err := newStore(t).Ensure(t.Context(), "", Spec{Files: map[string]string{"/": dir}}, nil, nil)
		require.NoError(t, err)
		l, err := i.Looker()
		require.NoError(t, err)
		return l
	}
	l := look(files)
	for _, c := range []struct {
		program string
		env     []string
		where   string
		says    string
	}{
		{program: "tool*", where: "/usr/bin/tool10"}, // the first by name, as the guest finds it
		{program: "tools*", says: "did you mean /usr/bin/tool"},
		{program: "own", says: "is not in the image"},
		{program: "own", env: []string{"PATH=/opt"}, where: "/opt/own"},
		{program: "own", env: []string{"PATH=/opt", "PATH=/usr/bin"}, says: "is not in the image"},
		{program: "far", says: "lacks libfar.so"},
		{program: "far", env: []string{"LD_LIBRARY_PATH=/opt/deep/down:relative"}, where: "/usr/bin/far"},
	} {
		where, _, err := l.Look(c.program, c.env)
		if c.says != "" {
			require.ErrorContains(t, err, c.says)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.where, where)
	}
	// With a list of its own, the linker may find what is anywhere.
	files = maps.Clone(files)
	files["etc/ld.so.cache"] = "not read"
	l = look(files)
	_, _, err := l.Look("far", nil)
	require.NoError(t, err)
	_, _, err = l.Look("farther", nil)
	require.ErrorContains(t, err, "lacks libfarther.so")
}
