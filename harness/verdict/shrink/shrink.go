package shrink

import (
	"context"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// Judge says whether a document still shows what is looked for. An error ends the search.
type Judge interface {
	Shows(ctx context.Context, text []byte) (bool, error)
}

// Result is the smallest document that was found.
type Result struct {
	Text []byte
	// Tried is how many documents the judge was asked about, and Kept how many of the changes were kept.
	Tried, Kept int
}

// shrinker is a search while it goes on.
type shrinker struct {
	Judge
	doc  *yaml.Node // the smallest so far
	seen map[string]bool
	Options
	tried int
	kept  int
}

// Options of a search.
type Options struct {
	// Keep are the expectations of the result.
	Keep []string
	// Draw tells which packets a fault chooses by chance. Without it, a chance stays one.
	Draw Draw
	// Tell is called with each change that was kept, in words. It may be nil.
	Tell func(text string)
}

// Shrink makes a document smaller for as long as it shows what the judge looks for. If it does not show it to begin
// with, there is no result.
func Shrink(ctx context.Context, doc *yaml.Node, j Judge, o Options) (*Result, error) {
	s := &shrinker{Judge: j, doc: clone(doc), seen: map[string]bool{}, Options: o}
	uncomment(s.doc)
	setExpect(s.root(), o.Keep)
	shows, err := s.shows(ctx, s.doc)
	if err != nil || !shows {
		return nil, err
	}
	passes := []func(context.Context) error{s.lists, s.nodes, s.routers, s.ordinals, s.structure, s.numbers, s.structure}
	for _, pass := range passes {
		if err := pass(ctx); err != nil {
			return nil, err
		}
	}
	flow(s.root(), 0)
	text, err := Text(s.doc)
	return &Result{text, s.tried, s.kept}, err
}

// structure leaves out whatever can be, until nothing more can.
func (s *shrinker) structure(ctx context.Context) error {
	for before := -1; before != s.kept; {
		before = s.kept
		for _, pass := range []func(context.Context) error{s.lists, s.nodes, s.routers, s.all} {
			if err := pass(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// root is the mapping of the document.
func (s *shrinker) root() *yaml.Node { return root(s.doc) }

func root(doc *yaml.Node) *yaml.Node {
	if doc.Kind == yaml.DocumentNode {
		return doc.Content[0]
	}
	return doc
}

// setExpect writes the expectations of a document.
func setExpect(root *yaml.Node, keep []string) {
	remove(root, "expect")
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, e := range keep {
		list.Content = append(list.Content, scalar(e))
	}
	root.Content = append(root.Content, scalar("expect"), list)
}

// shows asks the judge about a document, each text once.
func (s *shrinker) shows(ctx context.Context, doc *yaml.Node) (bool, error) {
	text, err := Text(doc)
	if err != nil {
		return false, nil //nolint:nilerr // an edit that cannot be written is none
	}
	if shows, ok := s.seen[string(text)]; ok {
		return shows, nil
	}
	s.tried++
	shows, err := s.Shows(ctx, text)
	if err == nil {
		s.seen[string(text)] = shows
	}
	return shows, err
}

// try keeps a change of the document if it still shows it. edit changes the copy that it is given, and returns false if
// there is nothing to change.
func (s *shrinker) try(ctx context.Context, words string, edit func(root *yaml.Node) bool) (bool, error) {
	doc := clone(s.doc)
	if !edit(root(doc)) {
		return false, nil
	}
	shows, err := s.shows(ctx, doc)
	if err != nil || !shows {
		return false, err
	}
	s.doc = doc
	s.kept++
	if s.Tell != nil {
		s.Tell(words)
	}
	return true, nil
}

// at is a place in the document: the positions of the nodes on the way from the root.
type at []int

// node at a place.
func (p at) node(root *yaml.Node) *yaml.Node {
	for _, i := range p {
		root = root.Content[i]
	}
	return root
}

// stays reports whether a part of a list or mapping is never left out: the expectations, and what makes a list of
// numbers name single packets. Without the numbers, the link that they count over, or its direction, a fault would
// choose more packets: one of each connection, or as many again that go the other way.
func stays(n *yaml.Node, c child, top bool) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	switch key, of := n.Content[c.at].Value, n.Content[c.at+1]; key {
	case "expect":
		return top
	case "ordinals":
		return true
	case "per":
		return value(n, "ordinals") != nil
	case "select":
		return value(of, "ordinals") != nil
	case "from":
		return value(value(n, "select"), "ordinals") != nil
	}
	return false
}

// siblings leaves out as many parts of a list or mapping as can be, in halves, quarters and so on, until no single one
// can be left out.
func (s *shrinker) siblings(ctx context.Context, where at, name string) error {
	parts := func() []child {
		n := where.node(s.root())
		return slices.DeleteFunc(children(n), func(c child) bool { return stays(n, c, len(where) == 0) })
	}
	for size := len(parts()); size > 0; {
		moved := false
		for from := 0; from < len(parts()); {
			list := parts()
			less := list[from:min(from+size, len(list))]
			words := fmt.Sprintf("%s: %d of %d left out", name, len(less), len(list))
			ok, err := s.try(ctx, words, func(root *yaml.Node) bool {
				n := where.node(root)
				n.Content = without(n, less)
				return true
			})
			if err != nil {
				return err
			}
			if ok {
				moved = true
			} else {
				from += size
			}
		}
		left := len(parts())
		switch {
		case left == 0:
			return nil
		case size == 1 && !moved:
			return nil
		case size > 1:
			size = min((size+1)/2, left)
		}
	}
	return nil
}

// lists leaves out faults, loads and what names flows and phases.
func (s *shrinker) lists(ctx context.Context) error {
	for _, key := range []string{"faults", "load", "flows", "phases"} {
		i := keyAt(s.root(), key)
		if i < 0 {
			continue
		}
		if err := s.siblings(ctx, at{i + 1}, key); err != nil {
			return err
		}
	}
	return nil
}

// all leaves out keys and elements from the outside in.
func (s *shrinker) all(ctx context.Context) error { return s.below(ctx, nil, "") }

func (s *shrinker) below(ctx context.Context, where at, name string) error {
	if err := s.siblings(ctx, where, name+"…"); err != nil {
		return err
	}
	for i := 0; i < len(children(where.node(s.root()))); i++ {
		n := where.node(s.root())
		c := children(n)[i]
		part := fmt.Sprintf("%s[%d]", name, i)
		if n.Kind == yaml.MappingNode {
			part = join(name, n.Content[c.at].Value)
		}
		if part == "expect" {
			continue
		}
		if err := s.below(ctx, append(slices.Clone(where), c.at+c.size-1), part); err != nil {
			return err
		}
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
