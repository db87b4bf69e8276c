package shrink

import (
	"bytes"
	"slices"

	"gopkg.in/yaml.v3"
)

// clone returns a copy of a tree.
func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = clone(child)
	}
	return &c
}

// child is a part of a mapping or list that can be left out: key and value, or an element.
type child struct{ at, size int }

// children lists the parts of a node.
func children(n *yaml.Node) (list []child) {
	size := 1
	if n.Kind == yaml.MappingNode {
		size = 2
	} else if n.Kind != yaml.SequenceNode {
		return nil
	}
	for at := 0; at+size <= len(n.Content); at += size {
		list = append(list, child{at, size})
	}
	return list
}

// without returns the content of a node but for some of its parts.
func without(n *yaml.Node, less []child) []*yaml.Node {
	var content []*yaml.Node
	for _, c := range children(n) {
		if !slices.Contains(less, c) {
			content = append(content, n.Content[c.at:c.at+c.size]...)
		}
	}
	return content
}

// value returns the value of a key of a mapping, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	if i := keyAt(n, key); i >= 0 {
		return n.Content[i+1]
	}
	return nil
}

// keyAt is the position of a key of a mapping, or -1.
func keyAt(n *yaml.Node, key string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// remove leaves out the key of a mapping, and an empty list or mapping with its key.
func remove(n *yaml.Node, key string) {
	if i := keyAt(n, key); i >= 0 {
		n.Content = slices.Delete(n.Content, i, i+2)
	}
}

// names reports whether a word occurs in a tree as a scalar.
func names(n *yaml.Node, word string) bool {
	if n.Kind == yaml.ScalarNode {
		return n.Value == word
	}
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return names(c, word) })
}

// rename replaces a word wherever it is a scalar.
func rename(n *yaml.Node, word, by string) {
	if n.Kind == yaml.ScalarNode && n.Value == word {
		n.Value = by
	}
	for _, c := range n.Content {
		rename(c, word, by)
	}
}

// uncomment drops the comments of a tree: they tell the story of what it was.
func uncomment(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		uncomment(c)
	}
}

// plain drops the quotes and braces of a tree that can be written without.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}

// flow writes small lists and mappings in one line: those of at most 100 characters that are not at the top.
func flow(n *yaml.Node, depth int) {
	for _, c := range n.Content {
		flow(c, depth+1)
	}
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return
	}
	n.Style &^= yaml.FlowStyle
	if depth == 0 {
		return
	}
	short := *n
	short.Style |= yaml.FlowStyle
	if text, err := Text(&short); err == nil && len(text) <= 100 && bytes.Count(text, []byte("\n")) <= 1 {
		n.Style |= yaml.FlowStyle
	}
}

// Text is a document as YAML.
func Text(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(n)
	return b.Bytes(), err
}
