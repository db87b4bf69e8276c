package kernel

import (
	"context"
	"fmt"
	"io"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// Pack writes the kernel as a parcel, for the store of another machine.
func (k *Kernel) Pack(w io.Writer) error {
	return shelf.Pack(w, k.Dir, metaFile, imageFile, configFile, modulesFile, moduleDir)
}

// Unpack puts a kernel that [Kernel.Pack] wrote into the store. The parcel may come from anywhere: the hash of what is
// in it is computed, and has to be this one. A kernel that is there already is left as it is.
func (s *Store) Unpack(ctx context.Context, hash string, r io.Reader) (*Kernel, error) {
	dir, err := s.shelf().Unpack(ctx, r, s.limits.Total, func(staging string) error {
		k, err := load(staging)
		if err == nil {
			err = k.Verify()
		}
		if err == nil && k.Hash != hash {
			err = fmt.Errorf("it has hash %.19s, not %.19s", k.Hash, hash)
		}
		return err
	})
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("take in kernel %.19s: %w", hash, err), "")
	}
	return load(dir)
}
