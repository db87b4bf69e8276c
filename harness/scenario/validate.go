package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario/sysctl"
	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// validation checks what a scenario means, once it is decoded.
type validation struct {
	*Scenario
	d *yamldoc.Document
}

func (s *Scenario) validate(d *yamldoc.Document, checks []Check) {
	v := &validation{Scenario: s, d: d}
	if !d.Counts(s) {
		return
	}
	d.Bounds(s)
	v.names()
	v.machine()
	v.images()
	v.services()
	v.resolvers()
	v.programs()
	v.links()
	v.middleboxes()
	v.phases()
	v.flows()
	v.loads()
	v.faults()
	for _, check := range checks {
		check(s, d.Report)
	}
}

// What validation says and asks all the time, in short.
func (v *validation) fail(path, msg, hint string)    { v.d.Fail(path, msg, hint) }
func (v *validation) failKey(path, msg, hint string) { v.d.FailKey(path, msg, hint) }
func (v *validation) sound(path string) bool         { return v.d.Sound(path) }

var (
	quote        = unit.Quote
	join         = yamldoc.Join
	nearHint     = yamldoc.NearHint
	alternatives = yamldoc.Alternatives
)

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
		v.fail("name", fmt.Sprintf("%s is not a scenario's name", quote(v.Name)),
			"up to 64 letters, digits and dashes, a letter or digit first")
	}
	for _, bound := range []struct{ path, release string }{{"since", v.Since}, {"until", v.Until}} {
		if bound.release != "" && !releaseName.MatchString(bound.release) {
			v.fail(bound.path, fmt.Sprintf("%s is not a kernel release", quote(bound.release)), "two numbers, such as 6.5")
		}
	}
	if v.Since != "" && v.Until != "" && v.sound("since") && v.sound("until") && older(v.Until, v.Since) {
		v.fail("until", fmt.Sprintf("no kernel is both since %s and until %s", v.Since, v.Until), "")
	}
	if len(v.Nodes) == 0 {
		v.fail("nodes", "no nodes", "a scenario has one node at least")
	}
	for _, name := range v.nodeNames() {
		path := join("nodes", name)
		switch {
		case !nodeName.MatchString(name):
			v.failKey(path, fmt.Sprintf("%s is not a node's name", quote(name)),
				"a lower-case letter, then up to 14 lower-case letters, digits and dashes")
		case slices.Contains(reserved, name):
			v.failKey(path, fmt.Sprintf("no node can be called %q", name),
				"names of metrics begin with "+alternatives(reserved)+", and with the names of nodes")
		}
		for key, value := range v.Nodes[name].Sysctls {
			if bare, ok := SysctlName(key); ok && v.Nodes[name].Sysctls[bare] != "" {
				v.failKey(join(path, "sysctls")+"."+key, fmt.Sprintf("%s is set twice, with and without a question mark", bare), "")
				continue
			}
			v.sysctl(join(path, "sysctls")+"."+key, key, value, v.Nodes[name])
		}
	}
	if v.Timeline != nil && *v.Timeline > 0 {
		const most = 100_000
		if n := v.Duration / *v.Timeline; n > most {
			v.fail("timeline", fmt.Sprintf("%v makes %d samples in %v, and %d is the most", *v.Timeline, n, v.Duration, most),
				"")
		} else if n < 1 && v.sound("duration") {
			v.fail("timeline", fmt.Sprintf("%v is longer than the run, which measures for %v", *v.Timeline, v.Duration),
				`write "timeline: off" to record none`)
		}
	}
}

func (v *validation) sysctl(path, key, value string, of *Node) {
	switch inKey, msg, hint := CheckSysctl(key, value, v.Since, of.Tracks()); {
	case inKey:
		v.failKey(path, msg, hint)
	case msg != "":
		v.fail(path, msg, hint)
	default:
		v.twice(path, key, of.Conntrack)
	}
}

// CheckSysctl says what is wrong with a sysctl of a node as far as that is known without a kernel, and whether it is
// the name. The message is empty if nothing is. since is the oldest kernel that it is for, as in [Scenario.Since];
// empty for any. What only kernels have that are newer than those of package sysctl may look like a slip and be none.
// On a node that tracks connections there is what the module nf_conntrack brings.
func CheckSysctl(key, value, since string, tracks bool) (inKey bool, msg, hint string) {
	name, optional := SysctlName(key)
	meant, newest := sysctl.Meant(name), sysctl.Newest()
	later := since != "" && older(newest, since) // and so on kernels of which nothing is known
	switch {
	case !strings.HasPrefix(key, "net."):
		return true, fmt.Sprintf("%s is not a sysctl of a network namespace", quote(key)),
			"those begin with net., such as net.ipv4.tcp_sack"
	case !sysctlName.MatchString(key):
		return true, fmt.Sprintf("%s is not the name of a sysctl", quote(key)), "a dotted name, such as net.ipv4.tcp_sack"
	case meant != "" && !later:
		return true, fmt.Sprintf("unknown sysctl %s", quote(name)),
			fmt.Sprintf("did you mean %s? The names are those up to Linux %s; with since a later one this may be another",
				quote(meant), newest)
	case !later && barred(name, optional) != "":
		return true, barred(name, optional), barredHint(name)
	case !later && !optional && sysctl.Module(name) != "" && !(tracks && sysctl.Module(name) == conntrackModule):
		return true, fmt.Sprintf("no node has the sysctl %s", quote(name)),
			fmt.Sprintf("it comes with the kernel's module %s, which nothing loads%s; write %s to have it set where it is there",
				sysctl.Module(name), tracking(name), quote(name+"?"))
	case slices.Contains([]string{"true", "false", "on", "off", "yes", "no"}, strings.ToLower(value)):
		return false, fmt.Sprintf("%s is not a number", quote(value)), "the kernel wants 1 or 0"
	case len(value) > 1024 || strings.ContainsAny(value, "\n\r"):
		return false, "a sysctl's value is one line", ""
	}
	return false, "", ""
}

// conntrackModule is loaded on nodes that track connections.
const conntrackModule = "nf_conntrack"

// tracking says what would load the module of a sysctl, if it is that of the table of connections.
func tracking(name string) string {
	if sysctl.Module(name) == conntrackModule {
		return " on a node without the key conntrack"
	}
	return ""
}

// barred says that no node can have a sysctl on any kernel that is known; empty if one can. One with a question mark is
// left out where it is not there, but where it is it has to be one that can be set.
func barred(name string, optional bool) string {
	switch sysctl.Barred(name) {
	case sysctl.Machine:
		if !optional {
			return fmt.Sprintf("no node has a sysctl %s of its own", quote(name))
		}
	case sysctl.ReadOnly:
		return fmt.Sprintf("no node can set the sysctl %s", quote(name))
	case sysctl.WriteOnly:
		return fmt.Sprintf("%s is a command, and no setting of a node", quote(name))
	}
	return ""
}

func barredHint(name string) string {
	const own = "net.netfilter.nf_conntrack_"
	switch name {
	case own + "max", own + "buckets":
		return fmt.Sprintf("the kernel has one for all nodes, which the key conntrack.%s of a node sets",
			strings.TrimPrefix(name, own))
	case "net.nf_conntrack_max":
		return "the kernel has one for all nodes, which the key conntrack.max of a node sets"
	}
	switch sysctl.Barred(name) {
	case sysctl.Machine:
		if general, device := sysctl.General(name); device == "default" && sysctl.Barred(sysctl.OfDevice(general)) == "" {
			return fmt.Sprintf("neighbours of a node have it for each device: %s",
				quote(strings.Replace(name, ".default.", ".eth0.", 1)))
		}
		return "the kernel has one for the whole machine, and none for each network namespace, which is what a node is"
	case sysctl.ReadOnly:
		return "in a network namespace, which is what a node is, it can be read only"
	}
	return "what is set is read back, which the kernel does not allow for it"
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
