package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Stored is what a template's directory says of it.
type Stored struct {
	Key   string
	Base  string        // key of the template that it was prepared from; empty if it was booted
	Build time.Duration // that it took to make, on the host's clock
}

// List returns what is said of the complete templates in a directory. One that is being made or
// removed is none; nor is there any in a directory that does not exist.
func List(dir string) ([]Stored, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	var list []Stored
	for _, e := range entries {
		if !e.IsDir() || !templateName.MatchString(e.Name()) {
			continue
		}
		m, err := readMeta(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list templates: %s: %w", e.Name(), err)
		}
		s := Stored{Key: m.Key, Build: seconds(m.Build)}
		if m.Prepared != nil {
			s.Base = m.Prepared.Base
		}
		list = append(list, s)
	}
	return list, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
