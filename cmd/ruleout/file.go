package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/report/printable"
)

// shorten returns the path relative to the current directory where that is shorter
// to read and to type.
func shorten(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// writeWhole writes a file of text that appears whole or not at all. Control characters are replaced in it, since it
// may be printed.
func writeWhole(path string, write func(io.Writer) error) error {
	err := atomicfile.Write(path, func(w io.Writer) error { return write(&printable.Writer{W: w}) })
	var file *fs.PathError
	var link *os.LinkError
	if errors.As(err, &file) || errors.As(err, &link) {
		return problem.Wrap(problem.Machine, fmt.Errorf("write %s: %w", path, err), "give another place with -o")
	}
	return err
}
