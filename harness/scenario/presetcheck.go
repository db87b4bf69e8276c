package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// sqlName is a name of a database or user that needs no quoting.
var sqlName = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// rootPath is one that nginx takes as it is.
var rootPath = regexp.MustCompile(`^/[A-Za-z0-9._/-]*$`)

// presetsOf checks the presets of a node.
func (v *validation) presetsOf(at, node string, s *Service) {
	if n := s.Nginx; n != nil {
		v.nginx(at+".nginx", node, n)
	}
	if r := s.Redis; r != nil {
		v.backlog(at+".redis.backlog", v.Nodes[node], r.Backlog)
	}
	if p := s.PHPFPM; p != nil {
		v.backlog(at+".php-fpm.backlog", v.Nodes[node], p.Backlog)
		v.settings(at+".php-fpm.settings", p.Settings)
		for key, value := range p.Settings {
			if strings.Contains(value, "'") && strings.Contains(value, "${") {
				v.fail(at+".php-fpm.settings."+key, "a value with both ' and ${ cannot be written for PHP",
					"between double quotes PHP would replace ${…}")
			}
		}
		if p.RequestTimeout != nil && *p.RequestTimeout%Duration(1e9) != 0 {
			v.fail(at+".php-fpm.request-timeout", fmt.Sprintf("PHP-FPM takes whole seconds, not %v", *p.RequestTimeout), "")
		}
	}
	if m := s.MariaDB; m != nil {
		v.settings(at+".mariadb.settings", m.Settings)
		for key, name := range map[string]string{"database": m.Database, "user": m.User} {
			if !sqlName.MatchString(name) {
				v.fail(at+".mariadb."+key, fmt.Sprintf("%s is not a name that needs no quotes", quote(name)),
					"letters, digits and underscores, 32 at most")
			}
		}
		for i, file := range m.Load {
			v.absolute(fmt.Sprintf("%s.mariadb.load[%d]", at, i), file, false)
		}
	}
	if u := s.Unbound; u != nil {
		v.unbound(at+".unbound", node, u)
	}
	if h := s.HAProxy; h != nil {
		if len(h.Servers) == 0 {
			v.fail(at+".haproxy.servers", "no servers", "a list, each NODE:PORT")
		}
		for i, server := range h.Servers {
			v.server(fmt.Sprintf("%s.haproxy.servers[%d]", at, i), node, server, h.Mode == "tcp")
		}
	}
}

func (v *validation) nginx(at, node string, n *Nginx) {
	v.backlog(at+".backlog", v.Nodes[node], n.Backlog)
	if !rootPath.MatchString(n.Root) {
		v.fail(at+".root", fmt.Sprintf("%s is not an absolute path that needs no quotes", quote(n.Root)),
			"letters, digits, dots, underscores, dashes and slashes")
	}
	if n.PHP != "" && v.known(at+".php", n.PHP) {
		if _, pool := v.fpm(node, n.PHP); pool == nil {
			v.fail(at+".php", n.PHP+" has no php-fpm", "")
		} else if n.PHP != node {
			v.reachable(at+".php", node, n.PHP)
		}
	}
	if len(n.Proxy) > 0 && n.PHP != "" {
		v.fail(at+".proxy", "both php and proxy", "leave one of them out")
	}
	if n.Reuse > 0 && len(n.Proxy) == 0 {
		v.fail(at+".reuse", "reuse without proxy", "it is about connections to the servers of proxy")
	}
	for i, server := range n.Proxy {
		v.server(fmt.Sprintf("%s.proxy[%d]", at, i), node, server, false)
	}
}

// Server reads a text NODE:PORT.
func Server(text string) (node string, port int, ok bool) {
	node, number, ok := strings.Cut(text, ":")
	port, whole := unit.Whole(number)
	return node, port, ok && whole && port >= 1 && port <= 65535
}

// server checks a text NODE:PORT: something has to listen there, and to answer requests for pages unless any will do.
func (v *validation) server(at, from, text string, anything bool) {
	name, n, ok := Server(text)
	if !ok {
		v.fail(at, fmt.Sprintf("%s is not a server", quote(text)), "NODE:PORT, such as app:8080")
		return
	}
	if v.Nodes[name] == nil {
		v.fail(at, fmt.Sprintf("no node %s", quote(name)), nearHint(name, v.nodeNames()))
		return
	}
	if ports, _ := v.listeners(name, anything); !slices.Contains(ports, n) && v.sound(join("nodes", name)+".service") {
		what := "serves HTTP"
		if anything {
			what = "listens"
		}
		v.fail(at, fmt.Sprintf("nothing %s on port %d of %s", what, n, name), v.portHint())
		return
	}
	if name != from {
		v.reachable(at, from, name)
	}
}

// settings checks lines of a configuration file: what is in them must not become another line.
func (v *validation) settings(at string, settings map[string]string) {
	for key, value := range settings {
		if strings.ContainsAny(key, "\n\r\t[]=;#! ") || key == "" {
			v.failKey(at+"."+key, fmt.Sprintf("%s is not the name of a setting", quote(key)), "")
		}
		if strings.ContainsAny(value, "\n\r") {
			v.fail(at+"."+key, "a setting's value is one line", "")
		}
	}
}
