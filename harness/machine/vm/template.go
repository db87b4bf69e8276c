package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/vm/frame"
)

// Template is a frozen machine. It keeps its files open, so that clones can be made of it
// even when it is removed from the cache meanwhile.
type Template struct {
	config Config
	key    string
	dir    string
	meta   meta
	ram    *os.File
	state  *os.File
}

// meta is what is stored beside a template.
type meta struct {
	Key          string        `json:"key"`
	Hash         string        `json:"hash"` // of memory and devices
	QEMU         string        `json:"qemu"`
	Machine      Machine       `json:"machine"`
	Kernel       string        `json:"kernel"`
	Checked      frame.Checked `json:"checked"`
	Instructions uint64        `json:"instructions"` // executed before the freeze
	Memory       uint64        `json:"memory"`
	Build        float64       `json:"build"` // s of wall time that it took
	Sum          string        `json:"sum"`   // of all this
	// Prepared is what is known of a template that was made of another one.
	Prepared *prepared `json:"prepared,omitempty"`
}

const (
	ramFile   = "ram"
	stateFile = "state"
	metaFile  = "meta.json"
)

// bootLimit is how long a guest may take to boot on the host's clock, without the time that it waited for a
// CPU. It takes 5 s.
const bootLimit = 5 * time.Minute

// OpenTemplate returns the template of a configuration, and makes it if it is not in the
// cache. progress reports what is going on; it may be nil. Two processes that ask at the
// same time make it once.
func OpenTemplate(ctx context.Context, c Config, progress func(string)) (*Template, error) {
	if progress == nil {
		progress = func(string) {}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	c.Dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, storeError(err)
	}
	sweep(dir)
	if c.Machine != "" {
		return openTemplate(ctx, c, progress)
	}
	return chooseMachine(ctx, c, progress)
}

func short(hash string) string {
	hash = strings.TrimPrefix(hash, "sha256:")
	return hash[:min(24, len(hash))]
}

func openTemplate(ctx context.Context, c Config, progress func(string)) (*Template, error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	final := filepath.Join(c.Dir, short(key))
	load := func() (*Template, error) { return loadTemplate(c, key, final) }
	return loadOrMake(ctx, final, progress, load, func() error { return build(ctx, c, key, final, progress) })
}

// loadOrMake returns the template in a directory, or makes it. Of several processes one makes it, and the others say
// that they wait.
func loadOrMake(ctx context.Context, final string, progress func(string), load func() (*Template, error),
	make func() error) (*Template, error) {
	t, err := load()
	if err == nil {
		return t, nil
	}
	unlock, err := lockFile(ctx, final+".lock", func() {
		progress("another process is making this VM template: waiting for it")
	})
	if err != nil {
		return nil, storeError(err)
	}
	defer unlock()
	t, err = load()
	if err == nil {
		return t, nil // another process made it while this one waited
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOtherBoot) {
		progress(fmt.Sprintf("%v: making it again", err))
	}
	if err := make(); err != nil {
		return nil, err
	}
	return load()
}

// loadTemplate opens a complete template.
func loadTemplate(c Config, key, dir string) (_ *Template, err error) {
	t, err := loadFiles(dir)
	if err != nil {
		return nil, err
	}
	t.config, t.key = c, key
	info, err := t.ram.Stat()
	switch {
	case t.meta.Key != key:
		err = fmt.Errorf("read template %s: it belongs to another key", dir)
	case err == nil && uint64(info.Size()) != c.memory():
		err = &ChangedError{Path: dir, What: "the size of its memory"}
	case err == nil:
		err = t.verify()
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // GC goes by it
	return t, nil
}

// loadFiles opens the files of a template and reads its description.
func loadFiles(dir string) (_ *Template, err error) {
	t := &Template{dir: dir}
	m, err := readMeta(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", dir, err)
	}
	sum, err := m.sum()
	if err != nil {
		return nil, err
	}
	if sum != m.Sum {
		return nil, &ChangedError{Path: dir, What: "its description"}
	}
	t.meta = *m
	// QEMU opens the file for writing even when it maps it privately.
	if t.ram, err = os.OpenFile(filepath.Join(dir, ramFile), os.O_RDWR, 0); err != nil {
		return nil, storeError(err)
	}
	if t.state, err = os.Open(filepath.Join(dir, stateFile)); err != nil {
		_ = t.ram.Close()
		return nil, storeError(err)
	}
	return t, nil
}

// openState returns a descriptor of its own: the position is a part of the open file.
func (t *Template) openState() (*os.File, error) {
	state, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", t.state.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open the template's state: %w", err)
	}
	return state, nil
}

// readMeta reads what is stored beside the template in a directory.
func readMeta(dir string) (*meta, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if err != nil {
		return nil, err
	}
	m := &meta{}
	return m, json.Unmarshal(text, m)
}

// Close lets go of the template's files; clones that were started go on.
func (t *Template) Close() error { return errors.Join(t.ram.Close(), t.state.Close()) }

// Key is the configuration's key; see [Config.Key].
func (t *Template) Key() string { return t.key }

// Hash is "sha256:…" of the template's memory and device state. Two machines that make the template of the
// same key find the same hash.
func (t *Template) Hash() string { return t.meta.Hash }

// Rehash computes the template's hash again from its files.
func (t *Template) Rehash() (string, error) {
	state, err := io.ReadAll(io.NewSectionReader(t.state, 0, math.MaxInt64))
	if err != nil {
		return "", fmt.Errorf("read the template's state: %w", err)
	}
	return hashMachine(t.ram, state)
}

// Machine is the board that the template runs on.
func (t *Template) Machine() Machine { return t.meta.Machine }

// Instructions is how many the guest had executed when it was frozen.
func (t *Template) Instructions() uint64 { return t.meta.Instructions }

// BuildTime is how long it took to make the template, whenever that was.
func (t *Template) BuildTime() time.Duration { return seconds(t.meta.Build) }

// Checked is what the guest found out about itself.
func (t *Template) Checked() frame.Checked { return t.meta.Checked }

// storeError classifies an error of the file system.
func storeError(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return problem.Wrap(problem.Machine, fmt.Errorf("store the template: %w", err),
			"make the cache directory writable, or set XDG_CACHE_HOME to one that is")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return problem.Wrap(problem.Machine, fmt.Errorf("store the template: %w", err),
			"free some space with \"ruleout gc\", or set XDG_CACHE_HOME to a larger disk")
	}
	return err
}
