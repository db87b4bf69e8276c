package kernel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Verify computes the kernel's hash again from what is stored: image, configuration and all modules, unpacked. The
// error, of kind [problem.Machine], says that they are not what was imported. It takes half a second for a cloud
// kernel.
func (k *Kernel) Verify() error {
	x, err := k.modules()
	if err != nil {
		return err
	}
	image, err := hashFile(k.Image())
	if err != nil {
		return damaged(k, err)
	}
	config, err := hashFile(k.ConfigFile())
	if err != nil {
		return damaged(k, err)
	}
	sums := []string{sumLine(imageFile, image), sumLine(configFile, config)}
	for _, m := range x.Modules {
		ko, err := k.readModule(m.Path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(ko)
		sums = append(sums, sumLine(path.Join(moduleDir, m.Path), sum[:]))
	}
	if hashOf(sums) != k.Hash {
		return damaged(k, errors.New("its files are not those that were imported"))
	}
	return nil
}

func hashFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// sumLine is what a file adds to a kernel's hash.
func sumLine(name string, sum []byte) string { return fmt.Sprintf("%s %x\n", name, sum) }

// hashOf is the hash of a kernel with these files.
func hashOf(lines []string) string {
	lines = slices.Sorted(slices.Values(lines))
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(lines, ""))))
}
