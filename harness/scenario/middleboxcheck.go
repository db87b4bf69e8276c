package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// middleboxes checks what nodes do to packets besides forwarding them.
func (v *validation) middleboxes() {
	type written struct {
		node  string
		value int
	}
	first := map[string]written{}
	for _, name := range v.nodeNames() {
		n, path := v.Nodes[name], join("nodes", name)
		if !n.IsMiddlebox() {
			continue
		}
		if len(v.neighbours(name)) == 0 && v.sound("links") {
			v.fail(path+v.boxKey(n), fmt.Sprintf("%s has no link, and so no packets", name), "")
			continue
		}
		if c := n.Conntrack; c != nil {
			v.conntrack(path+".conntrack", c)
			for _, one := range []struct {
				key   string
				value int
			}{{"max", c.Max}, {"buckets", c.Buckets}} {
				if one.value == 0 {
					continue
				}
				if other, ok := first[one.key]; ok && other.value != one.value {
					v.fail(path+".conntrack."+one.key, fmt.Sprintf("%d here, and %d on %s", one.value, other.value, other.node),
						"the kernel has one for all nodes, and holds each node's table against it")
				} else if !ok {
					first[one.key] = written{name, one.value}
				}
			}
		}
		v.nats(path+".nat", name, n)
		v.firewall(path+".firewall", name, n)
	}
}

// boxKey is the first key of a node that makes it a middlebox.
func (v *validation) boxKey(n *Node) string {
	switch {
	case n.Conntrack != nil:
		return ".conntrack"
	case len(n.NAT) > 0:
		return ".nat"
	}
	return ".firewall"
}

func (v *validation) conntrack(path string, c *Conntrack) {
	switch {
	case c.Max == 0 && v.d.Written(path+".max"):
		v.fail(path+".max", "a table with room for no entry", "1 at least; leave the key out for the kernel's own limit")
	case c.Max < 0:
		v.fail(path+".max", "a table of less than no entries", "1 at least; leave the key out for the kernel's own limit")
	}
	if c.Buckets%512 != 0 && v.sound(path+".buckets") {
		v.fail(path+".buckets", fmt.Sprintf("%d buckets do not fill whole pages", c.Buckets),
			fmt.Sprintf("the kernel takes multiples of 512: the next one is %d", (c.Buckets/512+1)*512))
	}
	for _, t := range c.Timeouts.All() {
		if t.For%Duration(time.Second) != 0 {
			v.fail(path+".timeouts."+t.Key, fmt.Sprintf("%v is not a whole number of seconds", t.For),
				"the kernel counts these timeouts in seconds")
		}
	}
	for i, f := range c.Forget {
		at := fmt.Sprintf("%s.forget[%d]", path, i)
		v.span(at, "loss of the table", f.At, 0)
		if i > 0 && f.At <= c.Forget[i-1].At {
			v.fail(at+".at", fmt.Sprintf("%v is not after %v", f.At, c.Forget[i-1].At), "write them in order")
		}
	}
}

// twice finds a sysctl that a key of conntrack stands for as well.
func (v *validation) twice(path, key string, c *Conntrack) {
	name, _ := SysctlName(key)
	if c == nil {
		return
	}
	for _, s := range c.Settings() {
		if s[0] == name {
			v.failKey(path, fmt.Sprintf("%s is set by the key conntrack as well", name), "leave it out here")
		}
	}
}

// forwards checks that a node passes packets on.
func (v *validation) forwards(path, name, what string) bool {
	switch links := v.neighbours(name); {
	case v.Nodes[name].Role != Router:
		v.fail(path, fmt.Sprintf("%s forwards nothing, and so %s would never act", name, what),
			"make it a router, with the key role: router")
		return false
	case len(links) < 2 && v.sound("links"):
		v.fail(path, fmt.Sprintf("%s has one link and forwards nothing, and so %s would never act", name, what), "")
		return false
	}
	return true
}

// ruleName checks the name of a rule.
func (v *validation) ruleName(path, name string, seen map[string]bool) {
	switch {
	case !faultName.MatchString(name):
		v.fail(path+".name", fmt.Sprintf("%s is not a rule's name", quote(name)),
			"a letter, then up to 31 letters, digits and dashes")
	case seen[name]:
		v.fail(path+".name", fmt.Sprintf("a second rule called %q", name), "")
	}
	seen[name] = true
}

// neighbour checks that a node has a link to another.
func (v *validation) neighbour(path, name, other string) bool {
	if other == "" {
		return true
	}
	if !v.known(path, other) {
		return false
	}
	if list := v.neighbours(name); !slices.Contains(list, other) {
		if v.sound("links") {
			v.fail(path, fmt.Sprintf("no link between %s and %s", name, other), "neighbours of "+name+": "+
				strings.Join(list, ", "))
		}
		return false
	}
	return true
}

// portRange checks a text with ports.
func (v *validation) portRange(path string, p Ports) {
	if _, _, ok := p.Range(); p != "" && !ok {
		v.fail(path, fmt.Sprintf("%s is neither a port nor a range of ports", quote(string(p))),
			"from 1 to 65535, without signs and zeros in front, such as 80 or 40000-40009")
	}
}

// firewall checks the rules of a node.
func (v *validation) firewall(path, name string, n *Node) {
	seen := map[string]bool{}
	for i := range n.Firewall {
		r, at := &n.Firewall[i], fmt.Sprintf("%s[%d]", path, i)
		v.ruleName(at, r.Name, seen)
		hook := r.At(n.Role)
		if hook == HookForward && !v.forwards(at, name, "the rule") {
			continue
		}
		v.selects(at, name, r, hook)
		if !v.sound(at) {
			continue
		}
		for j := range n.Firewall[:i] {
			if e := &n.Firewall[j]; e.At(n.Role) == hook && e.Do != CountOnly && e.matchesAll() {
				v.fail(at, fmt.Sprintf("no packet would get to this rule: %s before it decides on all", e.Name), "")
				break
			}
		}
	}
}

// matchesAll reports whether a rule matches all packets of its hook.
func (r *FirewallRule) matchesAll() bool {
	return r.From == "" && r.To == "" && r.In == "" && r.Out == "" && r.Packets == AnyPacket && r.FromPorts == "" &&
		r.ToPorts == "" && r.State == "" && r.UpTo == 0 && r.Over == 0
}

// selects checks which packets a rule matches.
func (v *validation) selects(at, name string, r *FirewallRule, hook Hook) {
	for key, node := range map[string]string{"from": r.From, "to": r.To} {
		if node != "" {
			v.known(at+"."+key, node)
		}
	}
	v.neighbour(at+".in", name, r.In)
	v.neighbour(at+".out", name, r.Out)
	v.portRange(at+".from-ports", r.FromPorts)
	v.portRange(at+".to-ports", r.ToPorts)
	if !v.sound(at) {
		return
	}
	ports := r.FromPorts != "" || r.ToPorts != ""
	limited := r.UpTo > 0 || r.Over > 0
	_, _, whole := r.Limit()
	switch {
	case r.From != "" && r.From == r.To:
		v.fail(at+".to", fmt.Sprintf("no packet goes from %s to itself over a link", r.To), "")
	case hook == HookInput && r.From == name, hook == HookForward && r.From == name:
		v.fail(at+".from", fmt.Sprintf("what %s sends itself is not seen by the hook %s", name, hook), "set hook: output")
	case hook == HookOutput && r.To == name, hook == HookForward && r.To == name:
		v.fail(at+".to", fmt.Sprintf("what goes to %s itself is not seen by the hook %s", name, hook), "set hook: input")
	case hook == HookOutput && r.In != "":
		v.fail(at+".in", "packets of the hook output came over no link", "")
	case hook == HookInput && r.Out != "":
		v.fail(at+".out", "packets of the hook input leave over no link", "")
	case r.In != "" && r.In == r.Out:
		v.fail(at+".out", fmt.Sprintf("what came from %s does not go back there", r.In), "")
	case ports && r.Packets == ICMPPacket:
		v.fail(at+".packets", "ICMP has no ports", "")
	case r.Do == SendRST && !r.Packets.TCP():
		v.fail(at+".do", "an RST answers TCP, and the rule matches other packets too",
			"add packets: tcp, or set do: unreachable")
	case r.UpTo > 0 && r.Over > 0:
		v.fail(at+".over", "both up-to and over", "make it two rules")
	case limited && !whole:
		v.fail(at+map[bool]string{true: ".up-to", false: ".over"}[r.UpTo > 0],
			"the kernel limits by whole packets in a second, a minute or an hour", "")
	case r.Burst > 0 && !limited:
		v.fail(at+".burst", "burst without a rate", "it belongs to up-to or over")
	}
}
