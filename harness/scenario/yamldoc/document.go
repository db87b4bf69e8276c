package yamldoc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/base/problem"
)

// Format is what a kind of file is called in messages.
type Format struct {
	// Noun for the file, such as scenario.
	Noun string
	// Needs says what an empty file lacks.
	Needs string
}

// Document is a file that was read into a value, with where everything in it stands, and
// everything that is wrong with it. Reading goes on after a mistake, so that one run shows them all.
type Document struct {
	format Format
	tree   *tree // nil for one that has no text
	errs   Errors
	values map[string]*yaml.Node // path → value
	keys   map[string]*yaml.Node // path → key
	bad    map[string]bool       // paths about which something was said already
}

func newDocument(f Format, t *tree) *Document {
	return &Document{format: f, tree: t, values: map[string]*yaml.Node{}, keys: map[string]*yaml.Node{},
		bad: map[string]bool{}}
}

// Bare returns a document without a text, for a value that came from elsewhere: mistakes in it
// name the path, and f.Noun as the file.
func Bare(f Format) *Document { return newDocument(f, nil) }

// Open reads the file at path, up to the bound on its size and one byte, which [Read] refuses.
func Open(f Format, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read %s: %w", f.Noun, err), "")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MostBytes+1))
	if err != nil {
		return nil, problem.Wrap(problem.Usage, fmt.Errorf("read %s: %w", f.Noun, err), "")
	}
	return data, nil
}

// Read decodes data, which name stands for in messages, into the struct that into points to,
// with the --set arguments PATH=VALUE worked in and the tags' defaults filled in. whole
// is whether there is a value to look at further; if not, [Document.Err] says why.
func Read(f Format, name string, data []byte, set []string, into any) (d *Document, whole bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark is harmless, but would shift columns
	main := newText(f, name, data, 0)
	root, e := read(main, data)
	if e != nil {
		d = newDocument(f, nil)
		d.errs.add(e)
		return d, false
	}
	t := &tree{main: main, root: root, from: map[*yaml.Node]*text{}}
	d = newDocument(f, t)
	v := reflect.ValueOf(into).Elem()
	for i, arg := range set {
		if e := t.set(arg, i+1, v.Type()); e != nil {
			d.errs.add(e)
		}
	}
	if isNull(root) {
		d.errs.add(main.errorAt(1, 1, 1, "empty", f.Needs))
		return d, false
	}
	d.value(root, v, "", nil)
	return d, root.Kind == yaml.MappingNode
}

// Err returns everything that is wrong as an [*Errors] of kind [problem.Usage], or nil.
func (d *Document) Err() error { return d.errs.err() }

// Root returns the file's own tree, with the --set arguments worked in.
func (d *Document) Root() *yaml.Node { return d.tree.root }
