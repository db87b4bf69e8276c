package golden

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

var update = flag.Bool("update", false, "write the golden and generated files instead of comparing them")

// Equal compares what was made with the file at path, or writes it there. The test goes on, so that one run writes or
// names all files.
func Equal[T ~string | ~[]byte](t testing.TB, path string, made T) {
	t.Helper()
	kept, err := keep(path, []byte(made), *update)
	assert.NoError(t, err)
	if err == nil {
		assert.Equal(t, string(kept), string(made), "%s is out of date: go test -update, or go generate, writes it again",
			path)
	}
}

// Repository is the path of a file of the repository, from the directory of whichever package is tested.
func Repository(t testing.TB, path string) string {
	t.Helper()
	root := ""
	for range 10 {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(root, path)
		}
		root = filepath.Join(root, "..")
	}
	t.Fatal("no go.mod above this package")
	return ""
}

// keep returns what the file has, once it was written if it is to be.
func keep(path string, made []byte, write bool) ([]byte, error) {
	if write {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, made, 0o644); err != nil {
			return nil, err
		}
	}
	kept, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: go test -update, or go generate, writes it", err)
	}
	return kept, err
}
