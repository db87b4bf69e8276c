package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/shelf"
)

// mostParcel bounds an image that comes from another machine, in bytes: twice the largest that can be built.
const mostParcel = 16 << 30

// Pack writes the image as a parcel, for the store of another machine.
func (i *Image) Pack(w io.Writer) error { return shelf.Pack(w, i.dir, metaFile, ext4File, indexFile) }

// Unpack puts an image that [Image.Pack] wrote into the store. The parcel may come from anywhere: the hash of what is
// in it is computed, and has to be this one. An image that is there already is left as it is.
func (s *Store) Unpack(ctx context.Context, hash string, r io.Reader) (*Image, error) {
	wrap := func(err error) error {
		return problem.Wrap(problem.Machine, fmt.Errorf("take in image %.19s: %w", hash, err), problem.HintOf(err))
	}
	if i, err := s.Find(hash); err != nil {
		return nil, wrap(err)
	} else if i != nil {
		return i, nil
	}
	digits, err := shelf.Digits(hash)
	if err != nil {
		return nil, wrap(err)
	}
	// Those of this store are named by what they were made of, which a parcel could only claim: so it has the name of
	// what was verified.
	dir, err := s.shelf().Unpack(ctx, digits, r, mostParcel, func(staging string) error {
		i, err := load(staging)
		if err != nil {
			return err
		}
		f, err := os.Open(i.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		if file := fmt.Sprintf("sha256:%x", sum.Sum(nil)); file != i.File || i.Hash != hash {
			return fmt.Errorf("it has hash %.19s and says %.19s, not %.19s", file, i.Hash, hash)
		}
		return nil
	})
	if err != nil {
		return nil, wrap(err)
	}
	return load(dir)
}

// Find returns the image with a hash; nil if there is none.
func (s *Store) Find(hash string) (*Image, error) {
	list, err := s.List()
	for _, i := range list {
		if i.Hash == hash {
			return i, nil
		}
	}
	return nil, err
}
