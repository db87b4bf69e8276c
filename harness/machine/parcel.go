package machine

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/ruleout/ruleout/harness/machine/image"
	"github.com/ruleout/ruleout/harness/machine/kernel"
)

// PackKernel writes what the store of this machine has under a hash into a file that others can take in.
// The caller removes the file.
func PackKernel(hash string) (file string, err error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return "", err
	}
	k, err := store.Get(hash)
	if err != nil {
		return "", err
	}
	return packed(k.Pack)
}

// PackImage is [PackKernel] for an image.
func PackImage(hash string) (file string, err error) {
	store, err := image.OpenDefault()
	if err != nil {
		return "", err
	}
	i, err := store.Get(hash)
	if err != nil {
		return "", err
	}
	return packed(i.Pack)
}

func packed(pack func(io.Writer) error) (file string, err error) {
	f, err := os.CreateTemp("", "ruleout-parcel-")
	if err != nil {
		return "", err
	}
	if err := errors.Join(pack(f), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// TakeKernel puts what a file of [PackKernel] has into the store of this machine. What is in
// the file has to have the hash.
func TakeKernel(ctx context.Context, hash, file string) error {
	store, err := kernel.OpenDefault()
	if err != nil {
		return err
	}
	return take(file, func(r io.Reader) error {
		_, err := store.Unpack(ctx, hash, r)
		return err
	})
}

// TakeImage is [TakeKernel] for an image.
func TakeImage(ctx context.Context, hash, file string) error {
	store, err := image.OpenDefault()
	if err != nil {
		return err
	}
	return take(file, func(r io.Reader) error {
		_, err := store.Unpack(ctx, hash, r)
		return err
	})
}

func take(file string, unpack func(io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return unpack(f)
}

// HasKernel reports whether the stores of this machine have a kernel with a hash.
func HasKernel(hash string) (bool, error) {
	store, err := kernel.OpenDefault()
	if err != nil {
		return false, err
	}
	k, err := store.Find(hash)
	return k != nil, err
}

// HasImage is [HasKernel] for an image.
func HasImage(hash string) (bool, error) {
	store, err := image.OpenDefault()
	if err != nil {
		return false, err
	}
	i, err := store.Find(hash)
	return i != nil, err
}
