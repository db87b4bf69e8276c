package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// flows checks the names for connections.
func (v *validation) flows() {
	for _, name := range slices.Sorted(maps.Keys(v.Flows)) {
		path, f := join("flows", name), v.Flows[name]
		if !faultName.MatchString(name) {
			v.failKey(path, fmt.Sprintf("%s is not a flow's name", quote(name)),
				"a letter, then up to 31 letters, digits and dashes")
		}
		okFrom, okTo := v.known(path+".from", f.From), v.known(path+".to", f.To)
		if !okFrom || !okTo {
			continue
		}
		if f.From == f.To {
			v.fail(path+".to", fmt.Sprintf("a flow from %s to itself", f.From), "that would not touch any link")
			continue
		}
		if v.reachable(path+".to", f.From, f.To) && f.Port > 0 && v.sound(join("nodes", f.To)) &&
			!slices.Contains(v.ports(f.To), f.Port) {
			v.fail(path+".port", fmt.Sprintf("no service of %s has port %d", f.To, f.Port), v.portHint())
		}
	}
}

// ports that services listen on: those of one node, or of all.
func (v *validation) ports(nodes ...string) (list []int) {
	for _, name := range nodes {
		ports, _ := v.listeners(name, true)
		if node := v.Nodes[name]; node != nil {
			for _, t := range node.Service.takers() {
				if !slices.Contains(ports, t.port) {
					ports = append(ports, t.port)
				}
			}
		}
		list = append(list, ports...)
	}
	return list
}

func (v *validation) portHint() string {
	var list []string
	for _, name := range v.nodeNames() {
		for _, p := range v.ports(name) {
			list = append(list, fmt.Sprintf("%d of %s", p, name))
		}
	}
	if len(list) == 0 {
		return "no node has a service"
	}
	return "ports: " + strings.Join(list, ", ")
}

func (v *validation) faults() {
	seen := map[string]int{}
	for i := range v.Faults {
		f, path := &v.Faults[i], fmt.Sprintf("faults[%d]", i)
		if !faultName.MatchString(f.Name) {
			v.fail(path+".name", fmt.Sprintf("%s is not a fault's name", quote(f.Name)),
				"a letter, then up to 31 letters, digits and dashes")
		} else if first, ok := seen[f.Name]; ok {
			v.fail(path+".name", fmt.Sprintf("a second fault called %q", f.Name), fmt.Sprintf("faults[%d] has that name", first))
		} else {
			seen[f.Name] = i
		}
		if f.Do.Pause || f.Node != "" {
			v.pause(path, f)
			v.during(path, f)
			continue
		}
		link := v.place(path, f)
		v.action(path+".do", &f.Do, link)
		v.during(path, f)
		if link != nil {
			v.whole(path, f)
			v.selection(path+".select", f, link)
		}
	}
	v.overlaps()
}

// place checks the link of a fault and the end from which it acts, and returns the link.
func (v *validation) place(path string, f *Fault) *Link {
	if f.Link == [2]string{} {
		if v.sound(path) {
			v.fail(path, "a fault without a place", "add the key link, or, with do: pause, the key node")
		}
		return nil
	}
	a, b := f.Link[0], f.Link[1]
	okA, okB := v.known(path+".link[0]", a), v.known(path+".link[1]", b)
	if !okA || !okB {
		return nil
	}
	link := v.link(a, b)
	if link == nil && v.sound("links") {
		hint := "links of " + a + ": "
		for i, n := range v.neighbours(a) {
			if i > 0 {
				hint += ", "
			}
			hint += "[" + a + ", " + n + "]"
		}
		if len(v.neighbours(a)) == 0 {
			hint = a + " has no link"
		}
		v.fail(path+".link", fmt.Sprintf("no link between %s and %s", a, b), hint)
		return nil
	}
	if f.From != "" && f.From != a && f.From != b {
		v.fail(path+".from", fmt.Sprintf("%s is not an end of the link", quote(f.From)),
			fmt.Sprintf("from is the end that sends the packets: %s or %s", a, b))
	}
	return link
}

// whole checks that a fault of the link as a whole, or of a connection, chooses no packets.
func (v *validation) whole(path string, f *Fault) {
	kind := f.Do.Kind()
	if kind != "down" && kind != "inject" {
		return
	}
	why := map[string]string{
		"down":   "a link is down in both directions, for all packets",
		"inject": "an injection follows its own segments, and changes no existing packet",
	}[kind]
	if f.From != "" {
		v.fail(path+".from", kind+" has no from", why)
	}
	if v.d.Written(path + ".select") {
		v.fail(path+".select", kind+" selects no packets", why)
	}
	if f.Do.Inject != nil {
		v.crosses(path+".do.inject.flow", f.Do.Inject.Flow, f)
	}
}

// crosses checks that a flow exists and that its packets pass the link of the fault.
func (v *validation) crosses(path, name string, f *Fault) {
	flow := v.Flows[name]
	if flow == nil {
		hint := "the scenario names no flows: add the key flows"
		if len(v.Flows) > 0 {
			hint = nearHint(name, slices.Sorted(maps.Keys(v.Flows)))
		}
		v.fail(path, fmt.Sprintf("no flow %s", quote(name)), hint)
		return
	}
	if !v.sound(join("flows", name)) {
		return
	}
	way := v.path(flow.From, flow.To, false)
	nat, plain := v.translated(way, flow)
	for i := range len(way) - 1 {
		if way[i] == f.Link[0] && way[i+1] == f.Link[1] || way[i] == f.Link[1] && way[i+1] == f.Link[0] {
			if i >= plain {
				v.fail(path, fmt.Sprintf("behind the NAT of %s, packets of the flow %s have its address, and not that of %s", nat,
					name, flow.From), fmt.Sprintf("name a flow from %s to %s", nat, flow.To))
			}
			return
		}
	}
	v.fail(path, fmt.Sprintf("the flow %s does not pass the link between %s and %s", name, f.Link[0], f.Link[1]),
		"its way is "+strings.Join(way, ", "))
}

// selection finds what can never match, or never be chosen.
func (v *validation) selection(path string, f *Fault, link *Link) {
	s := &f.Select
	if !v.sound(path) {
		return
	}
	if s.Flow != "" {
		v.crosses(path+".flow", s.Flow, f)
		switch flow := v.Flows[s.Flow]; {
		case s.Packets == ICMPPacket:
			v.fail(path+".flow", "a flow is TCP and UDP: packets of the class icmp belong to none", "")
		case s.Packets == Fragment && flow != nil && flow.Port > 0:
			v.fail(path+".flow", "packets of the class fragment have no ports, and the flow "+s.Flow+" has one",
				"leave the flow's port out: then its fragments match by their addresses")
		}
	}
	for _, p := range []struct {
		key  string
		port int
	}{{"port", s.Port}, {"from-port", s.FromPort}, {"to-port", s.ToPort}} {
		switch {
		case p.port == 0:
		case s.Packets == ICMPPacket || s.Packets == Fragment:
			v.fail(path+"."+p.key, fmt.Sprintf("packets of the class %s have no ports", s.Packets), "")
		case v.sound("nodes") && !slices.Contains(v.ports(v.nodeNames()...), p.port):
			v.fail(path+"."+p.key, fmt.Sprintf("no service has port %d: the selector would never match", p.port), v.portHint())
		}
	}
	v.family(path+".family", s, link)
	v.traits(path, f, link)
	switch {
	case s.Longer > 0 && int(s.Longer) >= link.MTU:
		v.fail(path+".longer",
			fmt.Sprintf("no packet of this link is longer than its MTU of %d: the selector would never match", link.MTU), "")
	case s.Last && s.Packets != AnyPacket && s.Packets != TCPPacket && s.Packets != DataSegment:
		v.fail(path+".last", fmt.Sprintf("packets of the class %s carry no data", s.Packets), "last belongs to data")
	case len(s.Ordinals) > 0:
		v.ordinals(path, s)
	case v.d.Written(path + ".ordinals"):
		v.fail(path+".ordinals", "an empty list", "name the packets, or leave the key out for all of them")
	case s.First > 0 && s.Nth > s.First:
		v.fail(path+".nth", fmt.Sprintf("packet %d is not among the first %d: none would be chosen", s.Nth, s.First), "")
	case s.Every > 0 && s.Nth > 0 && s.Nth%s.Every != 0:
		v.fail(path+".nth", fmt.Sprintf("%d is not a multiple of %d: none would be chosen", s.Nth, s.Every), "")
	case s.Every > 0 && s.First > 0 && s.First < s.Every:
		v.fail(path+".first", fmt.Sprintf("none of the first %d is a multiple of %d: none would be chosen", s.First, s.Every),
			"")
	case s.Burst > 0 && s.Nth == 0 && s.Every == 0 && s.First == 0 && (s.Chance == nil || *s.Chance == 1) &&
		(f.Ramp == nil || f.Ramp.Chance == nil):
		v.fail(path+".burst", "burst, but every packet is chosen anyway", "it belongs to chance, nth, every or first")
	case s.Burst > 0 && s.Every > 0 && s.Burst >= s.Every:
		v.fail(path+".burst", fmt.Sprintf("bursts of %d, one every %d packets, are all packets", s.Burst, s.Every), "")
	}
}

// ordinals checks a list of them.
func (v *validation) ordinals(path string, s *Select) {
	for _, other := range []struct {
		key string
		n   int
	}{{"nth", s.Nth}, {"every", s.Every}, {"first", s.First}} {
		if other.n > 0 {
			v.fail(path+"."+other.key, "ordinals and "+other.key, "ordinals is the list of all that are chosen")
		}
	}
	before := 0
	for i, n := range s.Ordinals {
		at := fmt.Sprintf("%s.ordinals[%d]", path, i)
		switch {
		case n < 1 || n > 1_000_000_000:
			v.fail(at, fmt.Sprintf("%d is not from 1 to 1000000000", n), "")
		case n <= before:
			v.fail(at, fmt.Sprintf("%d comes after %d", n, before), "each once, in rising order")
		}
		before = n
	}
}

// family checks that packets of a family exist on the link.
func (v *validation) family(path string, s *Select, link *Link) {
	if s.Family != IPv6 {
		return
	}
	if link.MTU < 1280 {
		v.fail(path, fmt.Sprintf("the link has no IPv6: its MTU is %d", link.MTU), "IPv6 needs an MTU of 1280 at least")
		return
	}
	if !s.Packets.TCP() && s.Port == 0 && s.FromPort == 0 && s.ToPort == 0 {
		return // neighbour discovery is IPv6 too
	}
	for _, l := range v.Load {
		if pace, ok := l.Pace(); ok && pace.IPv6 {
			return
		}
	}
	v.fail(path, "nothing sends TCP over IPv6: the selector would never match", "set ipv6: true in a load")
}
