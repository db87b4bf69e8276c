package shrink

import (
	"context"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"
)

// nodes leaves out each node, with the links, loads, faults and flows that name it.
func (s *shrinker) nodes(ctx context.Context) error {
	for i := 0; ; i++ {
		list := value(s.root(), "nodes")
		if list == nil || 2*i+1 >= len(list.Content) {
			return nil
		}
		name := list.Content[2*i].Value
		ok, err := s.try(ctx, "node "+name+" left out, with all that names it", func(root *yaml.Node) bool {
			remove(value(root, "nodes"), name)
			for _, key := range []string{"links", "load", "faults", "flows"} {
				n := value(root, key)
				if n == nil {
					continue
				}
				n.Content = without(n, slices.DeleteFunc(children(n), func(c child) bool {
					return !names(n.Content[c.at+c.size-1], name)
				}))
				if len(n.Content) == 0 {
					remove(root, key)
				}
			}
			return true
		})
		if err != nil {
			return err
		}
		if ok {
			i--
		}
	}
}

// routers replaces a router between two links by one link: the first of the two, which then leads to where the second
// one led. Faults of either are on it.
func (s *shrinker) routers(ctx context.Context) error {
	for i := 0; ; i++ {
		list := value(s.root(), "nodes")
		if list == nil || 2*i+1 >= len(list.Content) {
			return nil
		}
		name := list.Content[2*i].Value
		if role := value(list.Content[2*i+1], "role"); role == nil || role.Value != "router" {
			continue
		}
		done := false
		for first := range 2 {
			ok, err := s.try(ctx, fmt.Sprintf("router %s left out; one link in place of two", name),
				func(root *yaml.Node) bool { return contract(root, name, first) })
			if err != nil {
				return err
			}
			if done = ok; done {
				break
			}
		}
		if done {
			i--
		}
	}
}

// contract takes a router out of a document. The link that stays is the first or the second of its two; it leads to the
// far end of the other one then.
func contract(root *yaml.Node, router string, first int) bool {
	links := value(root, "links")
	if links == nil {
		return false
	}
	var of []int
	for i, l := range links.Content {
		if between := value(l, "between"); between != nil && names(between, router) {
			of = append(of, i)
		}
	}
	if len(of) != 2 {
		return false
	}
	near, far := opposite(links.Content[of[first]], router), opposite(links.Content[of[1-first]], router)
	// Faults of the link that goes are on the one that stays: what came from the router comes from its near end.
	if faults := value(root, "faults"); faults != nil {
		for _, f := range faults.Content {
			if link := value(f, "link"); link != nil && names(link, router) && names(link, far) {
				rename(link, router, near)
				if from := value(f, "from"); from != nil {
					rename(from, router, near)
				}
			}
		}
	}
	links.Content = slices.Delete(links.Content, of[1-first], of[1-first]+1)
	remove(value(root, "nodes"), router)
	rename(root, router, far)
	return true
}

// opposite is the other end of a link.
func opposite(link *yaml.Node, end string) string {
	for _, n := range value(link, "between").Content {
		if n.Value != end {
			return n.Value
		}
	}
	return ""
}
