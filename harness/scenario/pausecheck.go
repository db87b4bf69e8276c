package scenario

import (
	"fmt"
	"slices"
)

// pause checks a fault that stops the processes of a node.
func (v *validation) pause(path string, f *Fault) {
	if len(f.Do.set()) != 1 || !v.sound(path+".do") {
		v.action(path+".do", &f.Do, nil)
		return
	}
	switch {
	case !f.Do.Pause:
		v.fail(path+".node", "a fault on a node pauses it, and does nothing else",
			"write do: pause, or link in the place of node")
		return
	case f.Node == "":
		v.fail(path, "pause of no node", "add the key node")
		return
	case !v.known(path+".node", f.Node):
		return
	}
	for _, key := range []string{"link", "from", "select"} {
		if v.d.Written(path + "." + key) {
			v.fail(path+"."+key, "pause has no "+key, "it stops processes of a node, and touches no packets")
			return
		}
	}
	switch node := v.Nodes[f.Node]; {
	case slices.ContainsFunc(v.Load, func(l Traffic) bool { return l.From == f.Node }):
		v.fail(path+".node", fmt.Sprintf("%s has a load: a generator that stands still would be late", f.Node),
			"pause the node of a service")
	case node == nil || node.Service == nil:
		v.fail(path+".node", fmt.Sprintf("%s has no service: there is nothing to stop", f.Node), "")
	case f.For == 0:
		v.fail(path, "a pause without an end", "add the key for: the processes go on when the fault ends")
	}
}
