package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ruleout/ruleout/harness/base/stamp"
)

// A template is a file like any other: a bad disk, a careless program or a full one may change it, and runs in its
// clones would be others under the same provenance. So its hash is computed again whenever the stamps of its files are
// not those under which it was computed before.

// ChangedError says that what is in the cache is not what was put there.
type ChangedError struct {
	Path string // of the template's directory
	What string // such as "its memory or devices"
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("template %s: %s changed since it was made", e.Path, e.What)
}

// fresh are the machines that this process has made or verified itself, by the stamps of their files. The
// stamps of what was just made need not show a change within the next moments (package stamp); each run of a
// sweep would hash it again.
var fresh sync.Map // machineStamps → hash

type machineStamps struct{ ram, state stamp.Stamp }

func (t *Template) stamps() (s machineStamps, err error) {
	if s.ram, err = stamp.Of(t.ram); err != nil {
		return s, err
	}
	s.state, err = stamp.Of(t.state)
	return s, err
}

// verify makes sure that memory and devices are what they were when the template was made.
func (t *Template) verify() error {
	s, err := t.stamps()
	if err != nil {
		return err
	}
	if hash, ok := fresh.Load(s); ok && hash == t.meta.Hash {
		return nil
	}
	kind, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	hash, err := stamps().Value("machine "+string(kind), t.ram, func(*os.File) ([]byte, error) {
		hash, err := t.Rehash()
		return []byte(hash), err
	})
	if err != nil {
		return fmt.Errorf("template %s: %w", t.dir, err)
	}
	if string(hash) != t.meta.Hash {
		return &ChangedError{Path: t.dir, What: "its memory or devices"}
	}
	fresh.Store(s, t.meta.Hash)
	return nil
}

// trust notes that this process has just made the template, and hashed it.
func (t *Template) trust() {
	if s, err := t.stamps(); err == nil {
		fresh.Store(s, t.meta.Hash)
	}
}

// sum is that of a description, minus the sum itself.
func (m *meta) sum() (string, error) {
	own := *m
	own.Sum = ""
	text, err := json.Marshal(&own)
	if err != nil {
		return "", err
	}
	return hashBytes(text), nil
}

// Audit believes nothing: it forgets all that is known by stamps of files, hashes all templates in a directory, removes
// those that were changed, and returns what was wrong. An empty dir means [DefaultDir].
func Audit(dir string) (wrong []error, err error) {
	c := Config{Dir: dir}
	if dir, err = c.dir(); err != nil {
		return nil, err
	}
	if err := stamps().Forget(); err != nil {
		return nil, err
	}
	fresh.Clear()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look through the templates: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || !templateName.MatchString(e.Name()) {
			continue
		}
		m, err := readMeta(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && m.Sum == "" {
			continue // half removed, or of an earlier version, which this one does not load
		}
		t, err := loadFiles(path)
		if err == nil {
			err = t.verify()
			_ = t.Close()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		wrong = append(wrong, err)
		if err := removeTemplate(path); err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}
