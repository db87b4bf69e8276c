package scenario

import (
	"fmt"
	"regexp"
	"strings"
)

// placeholder is {NODE}; with the brace doubled it is a text that only looks so.
var placeholder = regexp.MustCompile(`\{\{?[a-z][a-z0-9-]*\}`)

// FillAddresses puts addresses into a word of a command or the value of a variable: what address returns for a node
// takes the place of {NODE}, and {{NODE} becomes {NODE}. Everything else stays as it is.
func FillAddresses(text string, address func(node string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "{{") {
			return found[1:]
		}
		return address(found[1 : len(found)-1])
	})
}

// addresses checks that a text asks for addresses of nodes that this node can reach.
func (v *validation) addresses(at, node, text string) {
	told := false
	FillAddresses(text, func(name string) string {
		switch {
		case told:
		case v.Nodes[name] == nil:
			told = true
			v.fail(at, fmt.Sprintf("{%s} stands for the address of a node, and there is no node %s", name, quote(name)),
				fmt.Sprintf("%s; {{%s} is the text {%s}", nearHint(name, v.nodeNames()), name, name))
		case name != node:
			told = !v.reachable(at, node, name)
		case len(v.neighbours(node)) == 0:
			told = true
			v.fail(at, node+" has no link, and so no address", "")
		}
		return ""
	})
}
