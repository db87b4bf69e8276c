package run

import (
	"context"
	_ "embed"
	"fmt"
)

// rehearsal is testdata/rehearsal.yaml in its canonical form: the guest program reads no YAML.
//
//go:embed rehearsal.json
var rehearsal []byte

// Rehearse makes a small run and forgets it. Done in a guest before it is
// frozen, it leaves the pages of the program, the kernel's caches and the heaps of both
// in the state in which every clone then finds them, instead of each making them again.
func Rehearse() error {
	if _, err := Run(context.Background(), rehearsal, 1, nil); err != nil {
		return fmt.Errorf("rehearse: %w", err)
	}
	return nil
}
