package expect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
	"github.com/ruleout/ruleout/harness/scenario/spelling"
)

// names that a scenario's run can yield, and further ones of a [Vocabulary].
type names struct {
	nodes, faults []string
	services      map[string]*scenario.Service // by node; nil if the scenario is not known
	programs      map[string][]string          // names of programs, by node; nil if the scenario is not known
	statuses      map[string][]scenario.Status // of programs, by node; nil if the scenario is not known
	untimed       bool                         // the scenario records no timeline
	boxes         map[string]*scenario.Node    // by node; nil if the scenario is not known
	links         []string                     // directions that have a queue, as metrics of theirs begin
	marking       []string                     // those whose discipline marks packets
	loads         map[string]string            // kinds of loads, by their names; and those that there are
	fields        []Field
}

// field finds one by its name; nil if there is none.
func (n *names) field(name string) *Field {
	i := slices.IndexFunc(n.fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &n.fields[i]
}

func newNames(s *scenario.Scenario) *names {
	n := &names{loads: loadsOf(s), services: make(map[string]*scenario.Service), programs: make(map[string][]string),
		statuses: make(map[string][]scenario.Status), boxes: make(map[string]*scenario.Node)}
	n.untimed = s.Timeline != nil && *s.Timeline == 0
	for name, node := range s.Nodes {
		n.nodes = append(n.nodes, name)
		n.services[name] = new(scenario.Service)
		if n.boxes[name] = node; node == nil {
			n.boxes[name] = new(scenario.Node)
		}
		if node != nil && node.Service != nil {
			n.services[name] = node.Service
		}
		n.statuses[name] = s.Statuses(name)
		list, _ := s.Programs(name)
		for _, p := range list {
			n.programs[name] = append(n.programs[name], p.Name)
		}
	}
	slices.Sort(n.nodes)
	for _, f := range s.Faults {
		n.faults = append(n.faults, f.Name)
	}
	for i := range s.Links {
		for side, from := range s.Links[i].Between {
			l := s.Links[i].Direction(side)
			if l.Rate > 0 || l.Queue > 0 && l.Delay > 0 {
				prefix := metric.LinkPrefix(l.Between[0], l.Between[1], from)
				n.links = append(n.links, prefix)
				if l.Discipline != nil && l.Discipline.Marks() {
					n.marking = append(n.marking, prefix)
				}
			}
		}
	}
	return n
}

// find looks a metric up; msg is empty if it can exist in this scenario.
func (n *names) find(name string) (m metric.Metric, msg, hint string) {
	first, rest, _ := strings.Cut(name, ".")
	if n.loads != nil && first != "http" && slices.Contains(append(metric.Kinds(), "load"), first) &&
		(!slices.Contains(n.nodes, first) || metric.OfLoads(name)) {
		return n.findLoad(name, first, rest)
	}
	_, ofNode := metric.NodeOf(name)
	switch {
	case first == "http", first == "machine":
	case n.loads == nil && first != "fault" && !ofNode: // stored runs may have any
	case first == "link" && !slices.Contains(n.nodes, first):
		if !slices.ContainsFunc(n.links, func(l string) bool { return strings.HasPrefix(name, l+".") }) {
			return m, fmt.Sprintf("no queue of a link in %q", name), n.nearLink(name)
		}
		if prefix, ok := strings.CutSuffix(name, "."+metric.Marks); ok && !slices.Contains(n.marking, prefix) {
			return m, fmt.Sprintf("no packet is marked in the queue of %s", prefix),
				"marks need a discipline of the link that has ECN on: discipline: fq_codel"
		}
	case first == "fault":
		if fault, _, _ := strings.Cut(rest, "."); !slices.Contains(n.faults, fault) {
			return m, fmt.Sprintf("no fault %q", fault), near(fault, n.faults, "faults: ")
		}
	case !slices.Contains(n.nodes, first) && len(n.fields) > 0:
		all := metric.Names(n.nodes, n.faults, n.links)
		var known []string
		for _, f := range n.fields {
			known = append(known, f.Name)
		}
		if best := spelling.Nearest(name, slices.Concat(known, all)); best != "" {
			return m, fmt.Sprintf("unknown name %q", name), fmt.Sprintf("did you mean %q?", best)
		}
		return m, fmt.Sprintf("unknown name %q", name), "there are " + strings.Join(known, ", ") +
			", and metrics and counters, which begin with " +
			strings.Join(slices.Concat(n.nodes, metric.Prefixes()), ", ")
	case !slices.Contains(n.nodes, first):
		return m, fmt.Sprintf("no node %q", first), near(first, slices.Concat(n.nodes, metric.Prefixes()),
			"names begin with: ")
	case strings.HasPrefix(rest, "exec.") || rest == "exec":
		return n.findProgram(name, first, strings.TrimPrefix(rest[len("exec"):], "."))
	}
	if kind, of, _ := strings.Cut(rest, "."); slices.Contains(metric.RuleKinds(), kind) {
		return n.findRule(name, first, kind, of)
	}
	m, ok := metric.Lookup(name)
	if !ok {
		return m, fmt.Sprintf("unknown metric %q", name), n.nearMetric(name, first)
	}
	if msg, hint := n.lacksTable(first, strings.TrimPrefix(name, first+".")); msg != "" {
		return m, msg, hint
	}
	if msg, hint := n.lacks(first, strings.TrimPrefix(name, first+".")); msg != "" {
		return m, msg, hint
	}
	if counter := strings.TrimPrefix(name, first+"."); !metric.KnownCounter(counter) {
		if _, _, isCounter := metric.SplitCounter(counter); isCounter {
			if best := spelling.Nearest(counter, metric.Counters()); best != "" && spelling.Distance(counter, best) <= 2 {
				return m, fmt.Sprintf("unknown counter %q", counter), fmt.Sprintf("did you mean %q?", first+"."+best)
			}
		}
	}
	return m, "", ""
}

// findProgram looks the metric of a program up; of is NAME.exit without the node.
func (n *names) findProgram(name, node, of string) (m metric.Metric, msg, hint string) {
	program, suffix, _ := strings.Cut(of, ".")
	have := n.programs[node]
	switch {
	case n.programs != nil && len(have) == 0:
		hint = "no node has programs: they are nodes.NODE.service.exec, and load with exec"
		if others := n.withPrograms(); len(others) > 0 {
			hint = "programs: " + strings.Join(others, ", ")
		}
		return m, node + " has no programs", hint
	case n.programs != nil && !slices.Contains(have, program):
		return m, fmt.Sprintf("%s has no program %q", node, program), near(program, have, "its programs: ")
	}
	if m, ok := metric.Lookup(name); ok {
		return m, "", ""
	}
	var list []string
	for _, m := range metric.Program() {
		list = append(list, m.Name)
	}
	if suffix == "" {
		return m, fmt.Sprintf("%q is no metric", name), fmt.Sprintf("a program has %s, such as %s.exec.%s.exit",
			strings.Join(list, ", "), node, cmp.Or(program, "NAME"))
	}
	return m, fmt.Sprintf("unknown metric %q", name), near(suffix, list, "a program has ")
}

// withPrograms lists all programs as their metrics begin.
func (n *names) withPrograms() (list []string) {
	for _, node := range n.nodes {
		for _, program := range n.programs[node] {
			list = append(list, node+".exec."+program)
		}
	}
	return list
}

// lacks says why a node of the scenario does not have a metric of a service.
func (n *names) lacks(node, of string) (msg, hint string) {
	s := n.services[node]
	if s == nil {
		return "", ""
	}
	for _, kind := range []struct {
		what string
		has  bool
		list []metric.Metric
		hint string
	}{
		{"php service", s.PHP != nil, metric.Pool(), ""},
		{"php service with a database", s.PHP != nil && s.PHP.Database != "", metric.Queries(),
			"what an sql service counts is sql.accepted, sql.answered, sql.broken and sql.idle.closed"},
		{"dns service", s.DNS != nil, metric.NameServer(), ""},
		{"udp service", s.UDP != nil, metric.Datagrams(), ""},
		{"sql service", s.SQL != nil, metric.Database(),
			"what a php service counts of its database is sql.connects, sql.reconnects, sql.queries and sql.errors"},
	} {
		if !kind.has && slices.ContainsFunc(kind.list, func(m metric.Metric) bool { return m.Name == of }) {
			return fmt.Sprintf("%s has no %s, and so no %s", node, kind.what, of), kind.hint
		}
	}
	return n.lacksStatus(node, of)
}

// lacksStatus says why a node does not have a figure of a program's status.
func (n *names) lacksStatus(node, of string) (msg, hint string) {
	kind := statusKind(of)
	if kind == "" {
		return "", ""
	}
	for _, s := range n.statuses[node] {
		switch {
		case s.Kind != kind:
		case s.Every == 0:
			return fmt.Sprintf("the status of %s on %s is off, and so there is no %s", s.Program, node, of),
				fmt.Sprintf("leave nodes.%s.service.%s.status out", node, s.Program)
		case s.Missing != "":
			return fmt.Sprintf("%s on %s has no status, and so there is no %s", s.Program, node, of), s.Missing
		default:
			return "", ""
		}
	}
	return fmt.Sprintf("%s has no preset with a status of %s, and so no %s", node, kind, of), ""
}

// nearLink says which metrics of links there are.
func (n *names) nearLink(name string) string {
	if best := spelling.Nearest(name, metric.Names(nil, nil, n.links)); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(n.links) == 0 {
		return "no link has a rate or a queue of its own"
	}
	return "queues of links: " + strings.Join(n.links, ", ")
}

func (n *names) nearMetric(name, first string) string {
	all := metric.Names(n.nodes, n.faults, n.links)
	if best := spelling.Nearest(name, all); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if strings.Contains(name, "-") && !slices.Contains(all, name) {
		if head := name[:strings.LastIndexByte(name, '-')]; slices.Contains(all, head) {
			return "a minus needs blanks around it"
		}
	}
	var below []string
	for _, m := range all {
		if rest, ok := strings.CutPrefix(m, first+"."); ok {
			part, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(below, part) {
				below = append(below, part)
			}
		}
	}
	return "below " + first + " there is: " + strings.Join(below, ", ")
}

func near(name string, have []string, lead string) string {
	if len(have) == 0 {
		return lead + "none"
	}
	hint := lead + strings.Join(have, ", ")
	if best := spelling.Nearest(name, have); best != "" {
		hint = fmt.Sprintf("did you mean %q? %s", best, hint)
	}
	return hint
}

// Metric finds a metric or counter by its name, among what a run of the scenario can yield. The error is a
// [*problem.Mistake].
func Metric(name string, s *scenario.Scenario) (metric.Metric, error) {
	m, msg, hint := newNames(s).find(name)
	if msg != "" {
		return m, &problem.Mistake{Length: len(name), Msg: msg, Hint: hint}
	}
	return m, nil
}
