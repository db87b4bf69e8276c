package image

import (
	"path"
	"slices"
)

// Looker looks at programs of one image, whose index it has read. It is not safe for use by several goroutines at once.
type Looker struct {
	image *Image
	tree  *tree
	names map[string]bool
}

// Looker reads the index of the image.
func (i *Image) Looker() (*Looker, error) {
	entries, err := i.Index()
	if err != nil {
		return nil, err
	}
	t, err := indexed(entries)
	if err != nil {
		return nil, err
	}
	l := &Looker{image: i, tree: t, names: make(map[string]bool, len(entries))}
	for _, e := range entries {
		if e.Type != "dir" {
			l.names[path.Base(e.Path)] = true
		}
	}
	return l, nil
}

// Look is [Image.Look] of a program that has these variables, NAME=value, besides the image's. It also returns n of
// the x86-64-vn that the program and its libraries say they need, or 0 if they do not say so. Few programs do; one that
// does not may need more all the same. A name without a slash may have stars.
func (l *Looker) Look(program string, env []string) (where string, level int, err error) {
	c := &checker{tree: l.tree, names: l.names, env: slices.Concat(l.image.Env, env)}
	where, err = c.look(program)
	return where, c.level, err
}

// elsewhere tells whether a library may be where only the linker's own list leads to, which is not read.
func (c *checker) elsewhere(library string) bool {
	return c.names[path.Base(library)] &&
		(c.tree.get("/etc/ld.so.cache") != nil || c.tree.get("/etc/ld-musl-x86_64.path") != nil)
}
