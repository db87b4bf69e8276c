package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// unboundFile is the configuration of unbound, in which {NODE} stands for an address as in commands.
const unboundFile = presetDir + "unbound.conf"

// label is a part of a domain.
const label = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`

// dnsName is a domain, with or without the dot at its end.
var dnsName = regexp.MustCompile(`^((\*|` + label + `)\.)*` + label + `\.?$|^\.$`)

func (u *Unbound) expand(s *Scenario, node string) expansion {
	settings := map[string]string{
		"username": `""`, "chroot": `""`, "directory": `"/"`, "pidfile": `""`, "use-syslog": "no", "logfile": `""`,
		"verbosity": "1", "interface-automatic": "yes", "port": fmt.Sprint(u.Port), "num-threads": "1",
		"msg-cache-size": fmt.Sprint(int64(u.Cache)), "rrset-cache-size": fmt.Sprint(int64(u.Cache)),
		// Without a way to the root there is no chain of trust.
		"module-config": `"iterator"`, "do-not-query-localhost": "no",
	}
	maps.Copy(settings, u.Settings)
	var b strings.Builder
	b.WriteString("server:\n  access-control: 0.0.0.0/0 allow\n  access-control: ::0/0 allow\n")
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "  %s: %s\n", key, settings[key])
	}
	for _, other := range slices.Sorted(maps.Keys(s.Nodes)) {
		if other != node && s.Path(node, other) != nil {
			fmt.Fprintf(&b, "  local-data: \"%s. A {%s}\"\n", other, other)
		}
	}
	for _, zone := range u.Zones {
		fmt.Fprintf(&b, "  local-zone: \"%s.\" static\n", strings.TrimSuffix(zone, "."))
	}
	for _, record := range u.Records {
		fmt.Fprintf(&b, "  local-data: '%s'\n", record)
	}
	if len(u.Forward) > 0 {
		b.WriteString("forward-zone:\n  name: \".\"\n")
		for _, server := range u.Forward {
			name, port, _ := Server(server)
			fmt.Fprintf(&b, "  forward-addr: {%s}@%d\n", name, port)
		}
	} else {
		// What is not known here is refused at once, in the place of a search for the servers of the root.
		b.WriteString("  local-zone: \".\" static\n")
	}
	return expansion{key: "unbound", files: map[string]string{unboundFile: b.String()}, programs: []Program{{
		Name: "unbound", Port: u.Port, Command: []string{"unbound", "-d", "-c", unboundFile},
	}}}
}

// unbound checks the preset.
func (v *validation) unbound(at, node string, u *Unbound) {
	v.settings(at+".settings", u.Settings)
	for i, server := range u.Forward {
		v.server(fmt.Sprintf("%s.forward[%d]", at, i), node, server, true)
	}
	for i, zone := range u.Zones {
		if !dnsName.MatchString(zone) {
			v.fail(fmt.Sprintf("%s.zones[%d]", at, i), fmt.Sprintf("%s is not a domain", quote(zone)), "such as shop.test")
		}
	}
	for i, record := range u.Records {
		place := fmt.Sprintf("%s.records[%d]", at, i)
		name, _, ok := strings.Cut(record, " ")
		if !ok || !dnsName.MatchString(name) || strings.ContainsAny(record, "'\n\r") {
			v.fail(place, fmt.Sprintf("%s is not a record", quote(record)),
				`a name, a blank, and what it has, without single quotes: "shop.test. 60 IN A {web}"`)
			continue
		}
		if strings.Contains(record, "{"+node+"}") {
			v.fail(place, fmt.Sprintf("{%s} is the name server itself", node), "write its address as others see it")
			continue
		}
		v.addresses(place, node, record)
	}
}

// Fillable are the node's files of presets in which {NODE} stands for an address.
func (s *Scenario) Fillable(node string) (files []string) {
	n := s.Nodes[node]
	if n == nil || n.Service == nil || n.Service.Unbound == nil {
		return nil
	}
	if _, own := n.Files[unboundFile]; own {
		return nil
	}
	return []string{unboundFile}
}
