package scenario

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ruleout/ruleout/harness/spelling"
)

// validation checks what a scenario means, once it is decoded.
type validation struct {
	*Scenario
	d *decoder
}

func (s *Scenario) validate(d *decoder, checks []Check) {
	v := &validation{Scenario: s, d: d}
	if !v.counts() {
		return // what follows would take long
	}
	v.bounds(reflect.ValueOf(s).Elem(), "")
	v.names()
	v.services()
	v.links()
	v.phases()
	v.flows()
	v.loads()
	v.faults()
	for _, check := range checks {
		check(s, v.report)
	}
}

// fail reports a mistake at path, unless something was said about that value already.
func (v *validation) fail(path, msg, hint string) {
	v.report(Mistake{Path: path, Msg: msg, Hint: hint})
}

func (v *validation) report(m Mistake) {
	for p := m.Path; p != ""; p = parent(p) {
		if v.d.bad[p] {
			return
		}
	}
	v.d.bad[m.Path] = true
	if v.d.tree == nil {
		v.d.errs.add(&Error{File: "canonical scenario", Msg: m.Path + ": " + m.Msg, Hint: m.Hint})
		return
	}
	n, literal := v.node(m.Path)
	if literal && m.Length > 0 {
		v.d.errs.add(v.d.tree.errorIn(n, m.Offset, m.Length, m.Msg, m.Hint))
		return
	}
	v.d.errs.add(v.d.tree.errorAt(n, m.Msg, m.Hint))
}

// node finds what to underline for path: a single value itself, the key of anything
// larger, or that of what is around it where there is no such value in the file.
func (v *validation) node(path string) (n *yaml.Node, literal bool) {
	for p := path; p != ""; p = parent(p) {
		if n := v.d.values[p]; n != nil && (n.Kind == yaml.ScalarNode && !isNull(n) || v.d.keys[p] == nil) {
			return n, p == path
		}
		if n := v.d.keys[p]; n != nil {
			return n, false
		}
	}
	return v.d.tree.root, false
}

// sound reports whether nothing at or below path was found wrong so far.
func (v *validation) sound(path string) bool {
	for bad := range v.d.bad {
		if bad == path || strings.HasPrefix(bad, path) && strings.ContainsRune(".[", rune(bad[len(path)])) {
			return false
		}
	}
	return true
}

// parent of links[0].delay is links[0], and of that links.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// counts checks that no list is too long. Of a file the decoder has done that.
func (v *validation) counts() bool {
	ok := true
	for _, f := range fieldsOf(reflect.TypeFor[Scenario]()) {
		if f.most == 0 {
			continue
		}
		if msg := f.tooMany(reflect.ValueOf(v.Scenario).Elem().Field(f.index).Len()); msg != "" {
			v.fail(f.name, msg, "")
			ok = false
		}
	}
	return ok
}

// bounds checks every value that was written against its field's min, max and enum.
func (v *validation) bounds(x reflect.Value, path string) {
	switch x.Kind() {
	case reflect.Pointer:
		if !x.IsNil() {
			v.bounds(x.Elem(), path)
		}
	case reflect.Slice:
		for i := range x.Len() {
			v.bounds(x.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		if x.Type().Elem().Kind() == reflect.Pointer {
			for _, key := range x.MapKeys() {
				v.bounds(x.MapIndex(key), join(path, key.String()))
			}
		}
	case reflect.Struct:
		for _, f := range fieldsOf(x.Type()) {
			v.bound(x.Field(f.index), join(path, f.name), f)
		}
	}
}

func (v *validation) bound(x reflect.Value, path string, f field) {
	if x.Kind() == reflect.Pointer {
		if x.IsNil() {
			return
		}
		x = x.Elem()
	}
	if f.low == "" && f.high == "" && len(f.enum) == 0 {
		v.bounds(x, path)
		return
	}
	if x.IsZero() && (f.off != "" || f.fallback == "" && !f.required && v.d.values[path] == nil) {
		return // off, or never written
	}
	if msg := f.outside(x); msg != "" {
		hint := ""
		if len(f.enum) > 0 {
			if near := spelling.Nearest(fmt.Sprint(x.Interface()), f.enum); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
		}
		v.fail(path, msg, hint)
	}
}

var (
	scenarioName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	nodeName     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,14}$`)
	faultName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)
	sysctlName   = regexp.MustCompile(`^net(\.[A-Za-z0-9_/-]+)+[?]?$`)
	reserved     = []string{"machine", "http", "fault"}
)

// names checks version, names, sysctls and the timeline.
func (v *validation) names() {
	if v.Version != 1 {
		v.fail("version", fmt.Sprintf("version %d of the format is unknown", v.Version), "this ruleout reads version 1")
	}
	if !scenarioName.MatchString(v.Name) {
		v.fail("name", fmt.Sprintf("%s is not a scenario's name", quote(v.Name)), "up to 64 letters, digits and dashes, a letter or digit first")
	}
	if v.Since != "" && !releaseName.MatchString(v.Since) {
		v.fail("since", fmt.Sprintf("%s is not a kernel release", quote(v.Since)), "two numbers, such as 6.5")
	}
	if len(v.Nodes) == 0 {
		v.fail("nodes", "no nodes", "a scenario has one node at least")
	}
	for _, name := range v.nodeNames() {
		path := join("nodes", name)
		switch {
		case !nodeName.MatchString(name):
			v.failKey(path, fmt.Sprintf("%s is not a node's name", quote(name)), "a lower-case letter, then up to 14 lower-case letters, digits and dashes")
		case slices.Contains(reserved, name):
			v.failKey(path, fmt.Sprintf("no node can be called %q", name), "names of metrics begin with "+alternatives(reserved)+", and with the names of nodes")
		}
		for key, value := range v.Nodes[name].Sysctls {
			if bare, ok := SysctlName(key); ok && v.Nodes[name].Sysctls[bare] != "" {
				v.failKey(join(path, "sysctls")+"."+key, fmt.Sprintf("%s is set twice, with and without a question mark", bare), "")
				continue
			}
			v.sysctl(join(path, "sysctls")+"."+key, key, value)
		}
	}
	if v.Timeline != nil && *v.Timeline > 0 {
		const most = 100_000
		if n := v.Duration / *v.Timeline; n > most {
			v.fail("timeline", fmt.Sprintf("%v makes %d samples in %v, and %d is the most", *v.Timeline, n, v.Duration, most), "")
		} else if n < 1 && v.sound("duration") {
			v.fail("timeline", fmt.Sprintf("%v is longer than the run, which measures for %v", *v.Timeline, v.Duration), `write "timeline: off" to record none`)
		}
	}
}

// failKey reports a mistake in the key at path rather than in its value.
func (v *validation) failKey(path, msg, hint string) {
	if key := v.d.keys[path]; key != nil {
		if !v.d.bad[path] {
			v.d.fail(path, key, msg, hint)
		}
		return
	}
	v.fail(path, msg, hint)
}

func (v *validation) sysctl(path, key, value string) {
	switch {
	case !strings.HasPrefix(key, "net."):
		v.failKey(path, fmt.Sprintf("%s is not a sysctl of a network namespace", quote(key)), "those begin with net., such as net.ipv4.tcp_sack")
	case !sysctlName.MatchString(key):
		v.failKey(path, fmt.Sprintf("%s is not the name of a sysctl", quote(key)), "a dotted name, such as net.ipv4.tcp_sack")
	case slices.Contains([]string{"true", "false", "on", "off", "yes", "no"}, strings.ToLower(value)):
		v.fail(path, fmt.Sprintf("%s is not a number", quote(value)), "the kernel wants 1 or 0")
	case len(value) > 1024 || strings.ContainsAny(value, "\n\r"):
		v.fail(path, "a sysctl's value is one line", "")
	}
}

// nodeNames returns the names in order.
func (v *validation) nodeNames() []string {
	list := make([]string, 0, len(v.Nodes))
	for name := range v.Nodes {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// known reports whether the name at path is that of a node, and says so if it is not.
func (v *validation) known(path, name string) bool {
	if v.Nodes[name] != nil {
		return true
	}
	if name != "" && len(v.Nodes) > 0 {
		v.fail(path, fmt.Sprintf("no node %s", quote(name)), nearHint(name, v.nodeNames()))
	}
	return false
}
