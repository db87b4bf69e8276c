package image

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/machine/deb"
)

// node is a file, a directory or a symbolic link. A file with several names is one node in several places.
type node struct {
	kind     byte   // 'f', 'd' or 'l'
	mode     uint32 // 07777
	uid, gid int
	link     string // target of a symbolic link
	data     content
	xattrs   map[string]string
	children map[string]*node // of a directory
	from     string           // the package or the source that it came from
	layer    int              // that it came with
}

// tree is a file system that is being put together. Names in it never lead out of it: they are looked up here only.
type tree struct {
	root    *node
	entries int
	limits  limits
	layer   int // that is being added
}

func newTree(lim limits) *tree {
	return &tree{root: newDir(0o755), limits: lim}
}

func newDir(mode uint32) *node { return &node{kind: 'd', mode: mode, children: map[string]*node{}} }

// mostLinks is how many symbolic links one name may lead through, as in Linux.
const mostLinks = 40

// errOut says that a name leads out of the image.
var errOut = errors.New("it leads out of the image")

// split returns the parts of a path.
func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}

// walk looks a path up. Symbolic links are followed within the tree, the last one only if follow is set. What is
// missing is made, as directories, if make is set; otherwise the node is nil. The real path comes back as well.
func (t *tree) walk(name string, follow, create bool) (*node, string, error) {
	type step struct {
		n    *node
		name string
	}
	stack := []step{{t.root, ""}}
	real := func() string {
		var parts []string
		for _, s := range stack[1:] {
			parts = append(parts, s.name)
		}
		return strings.Join(parts, "/")
	}
	todo := split(name)
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		at := stack[len(stack)-1].n
		if part == ".." {
			if len(stack) == 1 {
				if create { // nothing that is honest is added like this
					return nil, "", errOut
				}
				continue // the root's parent is the root
			}
			stack = stack[:len(stack)-1]
			continue
		}
		if at.kind != 'd' {
			return nil, "", fmt.Errorf("it leads through /%s, which is not a directory", real())
		}
		next := at.children[part]
		if next == nil {
			if !create {
				return nil, real(), nil
			}
			next = newDir(0o755)
			next.layer = t.layer
			if err := t.enter(at, part, next); err != nil {
				return nil, "", err
			}
		}
		if next.kind == 'l' && (follow || len(todo) > 0) {
			if links++; links > mostLinks {
				return nil, "", fmt.Errorf("it leads through more than %d symbolic links", mostLinks)
			}
			if path.IsAbs(next.link) {
				stack = stack[:1]
			}
			todo = append(split(next.link), todo...)
			continue
		}
		stack = append(stack, step{next, part})
	}
	return stack[len(stack)-1].n, real(), nil
}

// enter puts a node into a directory.
func (t *tree) enter(dir *node, name string, n *node) error {
	if dir.children[name] == nil {
		if t.entries++; t.entries > t.limits.entries {
			return fmt.Errorf("it has more than %d entries: %w", t.limits.entries, deb.ErrTooLarge)
		}
	}
	dir.children[name] = n
	return nil
}

// get returns the node at a path, the last symbolic link followed, or nil.
func (t *tree) get(name string) *node {
	n, _, err := t.walk(name, true, false)
	if err != nil {
		return nil
	}
	return n
}

// lstat returns the node at a path itself, or nil.
func (t *tree) lstat(name string) *node {
	n, _, err := t.walk(name, false, false)
	if err != nil {
		return nil
	}
	return n
}

// put places a node at a path, in place of what was there. A directory is merged with one that is there; where merge is
// set also with one that a link leads to, as dpkg does it.
func (t *tree) put(name string, n *node, merge bool) error {
	if len(split(name)) == 0 {
		t.root.mode, t.root.uid, t.root.gid, t.root.xattrs = n.mode, n.uid, n.gid, n.xattrs
		return nil
	}
	dir, err := t.dir(path.Dir("/" + name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	n.layer = t.layer
	there := dir.children[base]
	if n.kind == 'd' && there != nil {
		if there.kind == 'l' && merge {
			if to := t.get(name); to != nil && to.kind == 'd' {
				return nil
			}
		}
		if there.kind == 'd' {
			there.mode, there.uid, there.gid, there.xattrs, there.layer = n.mode, n.uid, n.gid, n.xattrs, n.layer
			return nil
		}
	}
	return t.enter(dir, base, n)
}

// dir returns the directory at a path, and makes what is missing of it.
func (t *tree) dir(name string) (*node, error) {
	n, _, err := t.walk(name, true, true)
	if err != nil {
		return nil, err
	}
	if n.kind != 'd' {
		return nil, fmt.Errorf("it leads through %s, which is not a directory", name)
	}
	return n, nil
}

// remove takes what is at a path away, unless it came with the layer that is being added. What is absent is no error.
func (t *tree) remove(name string) {
	dir := t.get(path.Dir("/" + name))
	if dir == nil || dir.kind != 'd' {
		return
	}
	if n := dir.children[path.Base(name)]; n != nil {
		if n.layer == t.layer && n.kind == 'd' {
			t.clear(n)
		}
		if n.layer != t.layer {
			delete(dir.children, path.Base(name))
		}
	}
}

// clear takes away what is in a directory and did not come with the layer that is being added.
func (t *tree) clear(dir *node) {
	for name, n := range dir.children {
		switch {
		case n.layer != t.layer:
			delete(dir.children, name)
		case n.kind == 'd':
			t.clear(n)
		}
	}
}

// each calls visit for each node but the root, parents before children, sorted.
func (t *tree) each(visit func(name string, n *node) error) error {
	var down func(prefix string, dir *node) error
	down = func(prefix string, dir *node) error {
		for _, name := range slices.Sorted(maps.Keys(dir.children)) {
			n := dir.children[name]
			if err := visit(prefix+name, n); err != nil {
				return err
			}
			if n.kind == 'd' {
				if err := down(prefix+name+"/", n); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return down("", t.root)
}
