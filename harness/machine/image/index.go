package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/machine/deb"
)

// Index returns what is in the image, parents before children, sorted.
func (i *Image) Index() ([]Entry, error) {
	entries, err := i.readIndex()
	if err != nil {
		return nil, problem.Wrap(problem.Machine, fmt.Errorf("image %s in the store is damaged: %w", i.Hash, err),
			"remove it and make it anew: ruleout image remove "+i.Hash)
	}
	return entries, nil
}

func (i *Image) readIndex() ([]Entry, error) {
	packed, err := os.ReadFile(filepath.Join(i.dir, indexFile))
	if err != nil {
		return nil, err
	}
	x, _, err := deb.Expand(bytes.NewReader(packed), deb.MaxWindow)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	var list []Entry
	for dec := json.NewDecoder(x); ; {
		var e Entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
}

// indexed is the tree that an index describes.
func indexed(entries []Entry) (*tree, error) {
	t := newTree(limits{entries: len(entries) + 1})
	byPath := map[string]*node{}
	for _, e := range entries {
		n := &node{mode: e.Mode, uid: e.UID, gid: e.GID, link: e.Link, from: e.From,
			data: content{size: e.Size, elf: e.ELF, script: e.Script}}
		switch e.Type {
		case "dir":
			n.kind, n.children = 'd', map[string]*node{}
		case "link":
			n.kind = 'l'
		default:
			n.kind = 'f'
		}
		if e.Same != "" {
			n = byPath[e.Same]
		}
		if n == nil {
			return nil, fmt.Errorf("index: %s is the same as %s, which is not before it", e.Path, e.Same)
		}
		byPath[e.Path] = n
		if err := t.put(e.Path, n, false); err != nil {
			return nil, fmt.Errorf("index: %s: %w", e.Path, err)
		}
	}
	return t, nil
}
