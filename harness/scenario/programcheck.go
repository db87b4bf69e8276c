package scenario

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$`)
)

// images checks what images are made of, and that there is no circle.
func (v *validation) images() {
	for _, name := range slices.Sorted(maps.Keys(v.Images)) {
		at, image := join("images", name), v.Images[name]
		if !nodeName.MatchString(name) {
			v.failKey(at, fmt.Sprintf("%s is not an image's name", quote(name)),
				"a lower-case letter, then up to 14 lower-case letters, digits and dashes")
		}
		if image.From == "" && image.OCI == "" && len(image.Packages) == 0 && len(image.Files) == 0 {
			v.failKey(at, "an image of nothing", "keys: from, oci, packages, files")
		}
		if image.From != "" {
			v.from(at+".from", name)
		}
		for i, p := range image.Packages {
			if !packageName.MatchString(p) {
				v.fail(fmt.Sprintf("%s.packages[%d]", at, i), fmt.Sprintf("%s is not the name of a package", quote(p)),
					"such as nginx or php8.2-fpm; a lock says which version")
			}
		}
		for target, source := range image.Files {
			v.absolute(at+".files."+target, target, true)
			if source == "" {
				v.fail(at+".files."+target, "no path on the host", "")
			}
		}
	}
	for _, name := range v.nodeNames() {
		n := v.Nodes[name]
		if n.Image != "" && v.Images[n.Image] == nil {
			hint := "the scenario has no images: add the key images"
			if len(v.Images) > 0 {
				hint = nearHint(n.Image, slices.Sorted(maps.Keys(v.Images)))
			}
			v.fail(join("nodes", name)+".image", fmt.Sprintf("no image %s", quote(n.Image)), hint)
		}
		for target := range n.Files {
			v.absolute(join("nodes", name)+".files."+target, target, true)
		}
		if n.Image == "" && len(n.Files) > 0 {
			v.failKey(join("nodes", name)+".files", "files, but no image", "add the key image to the node")
		}
	}
}

var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

// from checks that what lies below an image is there, and is not the image itself.
func (v *validation) from(at, name string) {
	for seen, next := map[string]bool{name: true}, v.Images[name].From; next != ""; next = v.Images[next].From {
		if v.Images[next] == nil {
			if next == v.Images[name].From {
				v.fail(at, fmt.Sprintf("no image %s", quote(next)), nearHint(next, slices.Sorted(maps.Keys(v.Images))))
			}
			return
		}
		if seen[next] {
			if next == name { // else the circle is further below, and is told there
				v.fail(at, fmt.Sprintf("%s lies below itself", name), "")
			}
			return
		}
		seen[next] = true
	}
}

// absolute checks a path in an image. inKey says that it is a key of the file.
func (v *validation) absolute(at, name string, inKey bool) {
	if path.IsAbs(name) && path.Clean(name) == name && name != "/" && !strings.ContainsAny(name, "\x00\n") {
		return
	}
	fail := v.fail
	if inKey {
		fail = v.failKey
	}
	fail(at, fmt.Sprintf("%s is not an absolute path", quote(name)), "a path in the image, such as /srv/index.php")
}

// programs checks what runs on the nodes.
func (v *validation) programs() {
	for _, node := range v.nodeNames() {
		list, places := v.Programs(node)
		names := map[string]bool{}
		for i, p := range list {
			at := places[i]
			switch {
			case !nodeName.MatchString(p.Name):
				v.fail(at+".name", fmt.Sprintf("%s is not a program's name", quote(p.Name)),
					"a lower-case letter, then up to 14 lower-case letters, digits and dashes")
			case names[p.Name]:
				v.fail(at+".name", fmt.Sprintf("%s has two programs %s", node, p.Name), "give one of them another name")
			}
			names[p.Name] = true
			if v.Nodes[node].Image == "" && v.sound(join("nodes", node)) {
				v.fail(at, fmt.Sprintf("node %s has no image, and so no programs", node),
					"add the key image to the node, with the name of one of the scenario's images")
			}
			v.program(at, node, p)
		}
	}
}

func (v *validation) program(at, node string, p *Program) {
	if len(p.Command) == 0 {
		v.fail(at+".command", "no program", "a list: the program, then its arguments")
	}
	for i, word := range p.Command {
		if strings.Contains(word, "\x00") {
			v.fail(fmt.Sprintf("%s.command[%d]", at, i), "a word of a command with a zero byte", "")
		}
		v.addresses(fmt.Sprintf("%s.command[%d]", at, i), node, word)
	}
	for key, value := range p.Env {
		if strings.Contains(value, "\x00") {
			v.fail(at+".env."+key, "a variable with a zero byte", "")
		}
		v.addresses(at+".env."+key, node, value)
		if !envName.MatchString(key) {
			v.failKey(at+".env."+key, fmt.Sprintf("%s is not the name of a variable", quote(key)),
				"letters, digits and underscores")
		}
	}
	if p.User != "" && !userName.MatchString(p.User) {
		v.fail(at+".user", fmt.Sprintf("%s is not a user", quote(p.User)),
			"a name or a number, such as www-data, 33 or 33:33")
	}
	if p.Dir != "" && p.Dir != "/" {
		v.absolute(at+".dir", p.Dir, false)
	}
	for i, dir := range p.Dirs {
		v.absolute(fmt.Sprintf("%s.dirs[%d]", at, i), dir, false)
	}
	for i, file := range p.Stdin {
		v.absolute(fmt.Sprintf("%s.stdin[%d]", at, i), file, false)
	}
	if r := p.Ready; r != nil {
		if r.Port == 0 && r.Path == "" && r.Line == "" {
			v.fail(at+".ready", "ready without a condition", "keys: port, path, line")
		}
		if r.Path != "" {
			v.absolute(at+".ready.path", r.Path, false)
		}
		if p.At != nil {
			v.fail(at+".ready", "ready of a program that starts during the run",
				"nothing waits for it: leave the key out, or at")
		}
	}
	if p.Restart && p.ExpectExit != nil {
		v.fail(at+".expect-exit", "restart and expect-exit", "a program that is started again has no last end")
	}
	if w := p.Warm; w != nil {
		if w.Port == 0 && p.Port == 0 {
			v.fail(at+".warm", "no port to ask", "add the key port to the program")
		}
		if p.At != nil {
			v.fail(at+".warm", "warm-up of a program that starts during the run", "leave the key out, or at")
		}
		v.page(at+".warm.path", Page(w.Path))
	}
	begin := Duration(0) // from which for counts, also for a program that starts before the run
	if p.At != nil {
		begin = *p.At
	}
	v.span(at, "program", begin, p.For)
}

// listeners are the ports on which a node is served, by its services or by those that its dnat rules lead to, with the
// place of each; of all, or of those that may speak HTTP.
func (s *Scenario) listeners(node string, all bool) (ports []int, places []string) {
	ports, places = s.servedPorts(node, all)
	more, at := s.forwardedPorts(node, all)
	return append(ports, more...), append(places, at...)
}

// servedPorts are those on which services of the node itself listen.
func (s *Scenario) servedPorts(node string, all bool) (ports []int, places []string) {
	n := s.Nodes[node]
	if n == nil || n.Service == nil {
		return nil, nil
	}
	at := join("nodes", node) + ".service"
	add := func(port int, of string) {
		if port != 0 {
			ports, places = append(ports, port), append(places, at+of+".port")
		}
	}
	if n.Service.PHP != nil {
		add(n.Service.PHP.Port, ".php")
	}
	if n.Service.SQL != nil && all {
		add(n.Service.SQL.Port, ".sql")
	}
	if n.Service.Bulk != nil && all {
		add(n.Service.Bulk.Port, ".bulk")
	}
	for _, e := range s.presets(node) {
		for i := range e.programs {
			if all || e.http {
				add(e.programs[i].Port, "."+e.key)
			}
		}
	}
	for i := range n.Service.Exec {
		add(n.Service.Exec[i].Port, fmt.Sprintf(".exec[%d]", i))
	}
	return ports, places
}

// ServedPorts are all ports on which something of a node listens, at whatever time.
func (s *Scenario) ServedPorts(node string) []int {
	ports, _ := s.servedPorts(node, true)
	n := s.Nodes[node]
	if n == nil || n.Service == nil {
		return ports
	}
	if n.Service.UDP != nil {
		ports = append(ports, n.Service.UDP.Port)
	}
	if n.Service.DNS != nil {
		ports = append(ports, n.Service.DNS.Port)
	}
	for i := range n.Service.Exec {
		if r := n.Service.Exec[i].Ready; r != nil && r.Port > 0 {
			ports = append(ports, r.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// page checks the path of a page, which becomes a part of the request's first line.
func (v *validation) page(at string, page Page) {
	text := string(page)
	if !strings.HasPrefix(text, "/") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) ||
		len(text) > 2000 {
		v.fail(at, fmt.Sprintf("%s is not the path of a page", quote(text)),
			"it begins with /, is in ASCII without blanks, and has 2000 bytes at most; write %20 for a blank")
	}
}

// client checks what only a program that is load must not have.
func (v *validation) client(at string, p *Program) {
	for key, set := range map[string]bool{"port": p.Port != 0, "ready": p.Ready != nil, "warm": p.Warm != nil,
		"restart": p.Restart} {
		if set {
			v.failKey(at+"."+key, key+" of a client", "that is for programs that serve: put it into nodes.NODE.service.exec")
		}
	}
}
