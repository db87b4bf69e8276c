package stamp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ruleout/ruleout/harness/base/atomicfile"
)

// Cache keeps values by the stamps of the files that they were worked out of, in one file. Any number of processes
// may use it; of two that write at the same time one may be in vain. Where it
// cannot be read or written, values are worked out each time.
type Cache struct {
	path string
	now  func() time.Time
}

// most is how many values are kept, the last ones: a few for each build of the harness and each emulator.
const most = 128

// Open returns the cache in a directory, which need not exist.
func Open(dir string) *Cache {
	return &Cache{path: filepath.Join(dir, "stamps.json"), now: time.Now}
}

// entry is a value of a file.
type entry struct {
	Kind  string `json:"kind"`
	Stamp Stamp  `json:"stamp"`
	Noted int64  `json:"noted"` // ns since 1970, before the file was read
	Value []byte `json:"value"`
	Sum   string `json:"sum"` // of all that, since the cache is a file like any other
}

func (e *entry) sum() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %+v %d ", e.Kind, e.Stamp, e.Noted)
	h.Write(e.Value)
	return hex.EncodeToString(h.Sum(nil))
}

// Value returns what a function works out of an open file, or did before: kind names the function and all that its
// value depends on besides the file. The error is that of the function or of the file; a file that is changed while it
// is read is one.
func (c *Cache) Value(kind string, f *os.File, work func(*os.File) ([]byte, error)) ([]byte, error) {
	noted := c.now().UnixNano()
	before, err := Of(f)
	if err != nil {
		return nil, err
	}
	if v, ok := c.find(kind, before); ok {
		return v, nil
	}
	value, err := work(f)
	if err != nil {
		return nil, err
	}
	after, err := Of(f)
	if err != nil {
		return nil, err
	}
	if after != before {
		return nil, fmt.Errorf("read %s: it was changed meanwhile", f.Name())
	}
	if before.settled(noted) {
		c.put(entry{Kind: kind, Stamp: before, Noted: noted, Value: value})
	}
	return value, nil
}

// Hash returns "sha256:…" of an open file's content; its position stays.
func (c *Cache) Hash(f *os.File) (string, error) {
	v, err := c.Value("sha256", f, func(f *os.File) ([]byte, error) {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, info.Size())); err != nil {
			return nil, err
		}
		return []byte("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
	})
	return string(v), err
}

// Forget forgets all values. A cache that is not there has none.
func (c *Cache) Forget() error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget what is known of files: %w", err)
	}
	return nil
}

func (c *Cache) find(kind string, s Stamp) ([]byte, bool) {
	for _, e := range c.entries() {
		if e.Kind == kind && e.Stamp == s && e.Stamp.settled(e.Noted) && e.Sum == e.sum() {
			return e.Value, true
		}
	}
	return nil, false
}

func (c *Cache) put(e entry) {
	e.Sum = e.sum()
	list := slices.DeleteFunc(c.entries(), func(o entry) bool { return o.Kind == e.Kind && o.Stamp == e.Stamp })
	list = append(list, e)
	text, err := json.Marshal(list[max(0, len(list)-most):])
	if err != nil || os.MkdirAll(filepath.Dir(c.path), 0o755) != nil {
		return
	}
	// Without a cache all goes on, only slower; after a power cut the file may be empty, which is as good as none.
	_ = atomicfile.Write(c.path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// largest is how long the cache's file may be; a longer one was not written by this package.
const largest = 8 << 20

func (c *Cache) entries() (list []entry) {
	if info, err := os.Stat(c.path); err != nil || info.Size() > largest {
		return nil
	}
	text, err := os.ReadFile(c.path)
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	return list
}
