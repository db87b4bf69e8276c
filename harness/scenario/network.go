package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// somaxconn is the kernel's default for net.core.somaxconn since 5.4
// (19f92a030ca6, "net: increase SOMAXCONN to 4096").
const somaxconn = 4096

// fill sets the defaults that depend on other values, and makes equal what means the
// same: an empty list and none, blanks in a sysctl.
func (s *Scenario) fill() {
	if s.Links == nil {
		s.Links = []Link{}
	}
	if len(s.Load) == 0 {
		s.Load = nil
	}
	if len(s.Faults) == 0 {
		s.Faults = nil
	}
	if len(s.Expect) == 0 {
		s.Expect = nil
	}
	if len(s.Phases) == 0 {
		s.Phases = nil
	}
	if len(s.Flows) == 0 {
		s.Flows = nil
	}
	for _, n := range s.Nodes {
		if n != nil && n.Service != nil {
			n.Service.plainStatus()
		}
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		if p := s.Phases[f.Phase]; p != nil {
			f.At, f.For = p.At, p.For
		}
		f.Link = s.endsOf(f.Link)
	}
	for i := range s.Load {
		s.fillLoad(&s.Load[i])
	}
	for _, node := range s.Nodes {
		if len(node.NAT) == 0 {
			node.NAT = nil
		}
		if len(node.Firewall) == 0 {
			node.Firewall = nil
		}
		if len(node.Files) == 0 {
			node.Files = nil
		}
		if len(node.Sysctls) == 0 {
			node.Sysctls = nil
		}
		for key, value := range node.Sysctls {
			node.Sysctls[key] = strings.Join(strings.Fields(value), " ") // the kernel prints lists with tabs
		}
	}
}

// fillLoad sets when a load runs, and the port that it goes to.
func (s *Scenario) fillLoad(t *Traffic) {
	p, ok := t.Pace()
	if !ok {
		return
	}
	if phase := s.Phases[p.Phase]; phase != nil {
		at := phase.At
		p.At, p.For = &at, phase.For
	}
	if ports, _ := s.portsFor(t); p.Port == 0 && len(ports) > 0 {
		p.Port = ports[0]
	}
	if left := s.Duration - s.begin(p.At); p.For == 0 && left > 0 {
		p.For = left
	}
	switch {
	case t.HTTP != nil:
		t.HTTP.At, t.HTTP.For, t.HTTP.Port = p.At, p.For, p.Port
		t.HTTP.plainArrivals()
	case t.UDP != nil:
		t.UDP.At, t.UDP.For, t.UDP.Port = p.At, p.For, p.Port
	case t.Bulk != nil:
		t.Bulk.At, t.Bulk.For, t.Bulk.Port = p.At, p.For, p.Port
	}
}

// portsFor are those of the node of a load that answer its kind, and what serves there, in words.
func (s *Scenario) portsFor(t *Traffic) (ports []int, what string) {
	if t.UDP != nil {
		if n := s.Nodes[t.To]; n != nil && n.Service != nil && n.Service.UDP != nil {
			ports = []int{n.Service.UDP.Port}
		}
		return ports, "no udp service"
	}
	if t.Bulk != nil {
		if n := s.Nodes[t.To]; n != nil && n.Service != nil && n.Service.Bulk != nil {
			ports = []int{n.Service.Bulk.Port}
		}
		return ports, "no bulk service"
	}
	ports, _ = s.listeners(t.To, false)
	return ports, "neither a php service nor a program with a port"
}

// endsOf returns the ends of a link in the order in which the link has them: [b, a] is the link between a and b, and
// means the same.
func (s *Scenario) endsOf(ends [2]string) [2]string {
	turned := [2]string{ends[1], ends[0]}
	if slices.ContainsFunc(s.Links, func(l Link) bool { return l.Between == turned }) &&
		!slices.ContainsFunc(s.Links, func(l Link) bool { return l.Between == ends }) && s.Nodes[ends[0]] != nil &&
		s.Nodes[ends[1]] != nil {
		return turned
	}
	return ends
}

// begin of a load relative to the start of the measured window: negative in the warm-up.
func (s *Scenario) begin(at *Duration) Duration {
	if at == nil {
		return -s.Warmup
	}
	return *at
}

// machine checks what an emulated computer can have: memory is in pages that QEMU maps as a whole.
func (v *validation) machine() {
	const step = Size(1 << 20)
	if m := v.Machine.Memory; m%step != 0 && v.sound("machine") {
		v.fail("machine.memory", fmt.Sprintf("memory is in whole MiB, not %v", m),
			fmt.Sprintf("the next one is %v", (m/step+1)*step))
	}
}

// services checks what runs on each node.
func (v *validation) services() {
	for _, name := range v.nodeNames() {
		node := v.Nodes[name]
		if node.Service == nil {
			continue
		}
		path := join("nodes", name) + ".service"
		php, sql := node.Service.PHP, node.Service.SQL
		if programs, _ := v.Programs(name); php == nil && sql == nil && node.Service.UDP == nil && node.Service.DNS == nil &&
			node.Service.Bulk == nil && len(programs) == 0 {
			v.fail(path, "a service without a kind",
				"kinds: php, sql, udp, dns, bulk, nginx, php-fpm, mariadb, redis, haproxy, dnsmasq, unbound, exec")
		}
		v.presetsOf(path, name, node.Service)
		ports, places := v.listeners(name, true)
		for i, port := range ports {
			if slices.Contains(ports[:i], port) {
				v.fail(places[i], fmt.Sprintf("two services on port %d of %s", port, name), "")
			}
		}
		v.datagramPorts(path, name, node.Service)
		if d := node.Service.DNS; d != nil {
			v.dns(path+".dns", d)
		}
		if php != nil {
			v.backlog(path+".php.backlog", node, php.Backlog)
			v.php(path+".php", name, php)
		}
		if sql != nil {
			v.backlog(path+".sql.backlog", node, sql.Backlog)
		}
	}
}

// backlog refuses one that the kernel would cut down without a word.
func (v *validation) backlog(path string, node *Node, backlog int) {
	limit := fmt.Sprint(somaxconn)
	for key, set := range node.Sysctls {
		if name, _ := SysctlName(key); name == "net.core.somaxconn" {
			limit = set
		}
	}
	var most int
	if _, err := fmt.Sscanf(limit, "%d", &most); err == nil && backlog > most {
		v.fail(path, fmt.Sprintf("the kernel would cut a backlog of %d down to %d", backlog, most),
			fmt.Sprintf("set the node's sysctl net.core.somaxconn to %d", backlog))
	}
}

func (v *validation) php(path, name string, php *PHP) {
	at := path + ".database"
	switch {
	case php.Database == "" && php.Request.Queries > 0:
		v.fail(path+".request.queries", "queries, but no database",
			"add the key database with the name of a node that has an sql service")
	case php.Database == "" || !v.known(at, php.Database):
	case v.Nodes[php.Database].Service == nil || v.Nodes[php.Database].Service.SQL == nil:
		if v.sound(join("nodes", php.Database)) {
			v.fail(at, fmt.Sprintf("%s has no sql service", php.Database), v.servers("sql"))
		}
	default:
		v.reachable(at, name, php.Database)
	}
}

// servers names the nodes with a service, for hints.
func (v *validation) servers(kind string) string {
	var list []string
	for _, name := range v.nodeNames() {
		s := v.Nodes[name].Service
		if s == nil {
			continue
		}
		ports, _ := v.listeners(name, false)
		if set, _ := mappings(s); slices.Contains(set, kind) || kind == "http" && len(ports) > 0 {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "no node has one"
	}
	return "nodes with one: " + strings.Join(list, ", ")
}

func (v *validation) links() {
	seen := map[[2]string]int{}
	for i, l := range v.Links {
		path := fmt.Sprintf("links[%d]", i)
		v.bottleneck(path, &l)
		v.back(path, &l)
		at := path + ".between"
		a, b := l.Between[0], l.Between[1]
		okA, okB := v.known(at+"[0]", a), v.known(at+"[1]", b)
		if !okA || !okB {
			continue
		}
		if a == b {
			v.fail(at+"[1]", fmt.Sprintf("a link from %s to itself", a), "")
			continue
		}
		pair := [2]string{min(a, b), max(a, b)}
		if first, ok := seen[pair]; ok {
			v.fail(at, fmt.Sprintf("a second link between %s and %s", a, b),
				fmt.Sprintf("links[%d] joins them already; put another node between for a second path", first))
			continue
		}
		seen[pair] = i
	}
}

// link finds the link between two nodes.
func (v *validation) link(a, b string) *Link {
	for i, l := range v.Links {
		if l.Between == [2]string{a, b} || l.Between == [2]string{b, a} {
			return &v.Links[i]
		}
	}
	return nil
}

// neighbours of a node, in the order of the links.
func (s *Scenario) neighbours(name string) []string {
	var list []string
	for _, l := range s.Links {
		switch name {
		case l.Between[0]:
			list = append(list, l.Between[1])
		case l.Between[1]:
			list = append(list, l.Between[0])
		}
	}
	return list
}

// Path returns the nodes of a shortest path from one node to another, both included, or nil if there is none. Only
// routers forward.
func (s *Scenario) Path(from, to string) []string { return s.path(from, to, false) }

// path is [Scenario.Path]; with anyNode each node forwards.
func (s *Scenario) path(from, to string, anyNode bool) []string {
	before := map[string]string{from: from}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			way := []string{at}
			for at != from {
				at = before[at]
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		if node := s.Nodes[at]; at != from && (node == nil || node.Role != Router && !anyNode) {
			continue
		}
		for _, next := range s.neighbours(at) {
			if _, seen := before[next]; !seen {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// reachable checks that packets find a way between two nodes.
func (v *validation) reachable(path, from, to string) bool {
	if v.path(from, to, false) != nil {
		return true
	}
	if !v.sound("links") {
		return false
	}
	hint := "join them with links"
	if way := v.path(from, to, true); way != nil {
		var hosts []string
		for _, name := range way[1 : len(way)-1] {
			if v.Nodes[name].Role != Router {
				hosts = append(hosts, name)
			}
		}
		hint = "make " + strings.Join(hosts, " and ") + " a router, with the key role"
		if len(hosts) > 1 {
			hint = "make " + strings.Join(hosts, " and ") + " routers, with the key role"
		}
	}
	v.fail(path, fmt.Sprintf("no path from %s to %s", from, to), hint)
	return false
}
