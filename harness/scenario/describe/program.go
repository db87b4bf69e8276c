package describe

import (
	"fmt"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/quantity"
	"github.com/ruleout/ruleout/harness/scenario/unit"
)

// services says what a node serves, one text a service.
func services(s *scenario.Service) (parts []string) {
	if s == nil {
		return nil
	}
	if s.PHP != nil {
		parts = append(parts, php(s.PHP))
	}
	if s.SQL != nil {
		parts = append(parts, sql(s.SQL))
	}
	if s.DNS != nil {
		parts = append(parts, dns(s.DNS))
	}
	if s.UDP != nil {
		parts = append(parts, udp(s.UDP))
	}
	if s.Bulk != nil {
		parts = append(parts, fmt.Sprintf("a sink for bulk data on port %d", s.Bulk.Port))
	}
	parts = append(parts, presets(s)...)
	for i := range s.Exec {
		parts = append(parts, program(&s.Exec[i]))
	}
	return parts
}

// presets says what the presets of a node are.
func presets(s *scenario.Service) (parts []string) {
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if m := s.MariaDB; m != nil {
		add("MariaDB on port %d: database %s, %s at most", m.Port, m.Database,
			quantity.Plural(int64(m.Connections), "connection"))
	}
	if r := s.Redis; r != nil {
		add("redis on port %d, %s at most", r.Port, Size(r.Memory))
	}
	if d := s.Dnsmasq; d != nil {
		add("dnsmasq on port %d", d.Port)
	}
	if u := s.Unbound; u != nil {
		to := ""
		if len(u.Forward) > 0 {
			to = ", which asks " + quantity.List(u.Forward)
		}
		add("unbound on port %d%s", u.Port, to)
	}
	if p := s.PHPFPM; p != nil {
		add("PHP-FPM on port %d: %s, backlog %s", p.Port, quantity.Plural(int64(p.Workers), "worker"),
			quantity.Count(int64(p.Backlog)))
	}
	if n := s.Nginx; n != nil {
		to := ""
		if len(n.Proxy) > 0 {
			to = " for " + quantity.List(n.Proxy)
		}
		add("nginx on port %d%s: %s", n.Port, to, quantity.Plural(int64(n.Workers), "worker"))
	}
	if h := s.HAProxy; h != nil {
		add("HAProxy on port %d for %s", h.Port, quantity.List(h.Servers))
	}
	return parts
}

// program says what runs and where it serves: shop (/usr/bin/shop --quiet) on port 8080.
func program(p *scenario.Program) string {
	out := fmt.Sprintf("%s (%s)", p.Name, unit.Clip(strings.Join(p.Command, " ")))
	if p.Port > 0 {
		out += fmt.Sprintf(" on port %d", p.Port)
	}
	if p.At != nil {
		out += " from " + Duration(*p.At) + " on"
	}
	if p.For > 0 {
		out += " for " + Duration(p.For)
	}
	if p.Restart {
		out += ", started again when it ends"
	}
	return out
}
