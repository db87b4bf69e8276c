// Package archivetest reads an archive with zstd alone and without the index, for tests to hold package
// archive against.
package archivetest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Lines returns the lines of the file of records in the order in which they were written, without their ends. A line
// that has no end is an error.
func Lines(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(dir, "records.zst"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec, err := zstd.NewReader(f)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	var b bytes.Buffer
	if _, err := dec.WriteTo(&b); err != nil {
		return nil, err
	}
	list := strings.Split(b.String(), "\n")
	if list[len(list)-1] != "" {
		return nil, errors.New("the last record has no end of line")
	}
	return list[:len(list)-1], nil
}
