package image

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func (s *Store) ociSum(ctx context.Context, p string) (string, error) {
	return "",
		errors.New("OCI images are not read yet")
}
func (b *build) addOCI(ctx context.Context, p string) error { return nil }

var _ v1.Hash
