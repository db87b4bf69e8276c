package expect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ruleout/ruleout/harness/scenario"
	"github.com/ruleout/ruleout/harness/scenario/metric"
)

// loadsOf are the kinds of the loads of a scenario, by their names and by the kinds themselves.
func loadsOf(s *scenario.Scenario) map[string]string {
	kinds := map[string]string{}
	for i := range s.Load {
		pace, ok := s.Load[i].Pace()
		if !ok {
			continue
		}
		kinds[pace.Kind+"."] = pace.Kind
		if h := s.Load[i].HTTP; h != nil && h.Host != "" {
			kinds["dns."] = "dns"
			kinds[s.Load[i].Name+".dns"] = "dns"
		}
		if name := s.Load[i].Name; name != "" {
			kinds[name] = pace.Kind
		}
	}
	return kinds
}

// findLoad looks up the metric of a load with a name, or of a kind of load that the scenario may not have.
func (n *names) findLoad(name, first, rest string) (m metric.Metric, msg, hint string) {
	kind := first
	if first == "load" {
		load, of, _ := strings.Cut(rest, ".")
		if kind = n.loads[load]; kind == "" {
			return m, fmt.Sprintf("no load %q", load), near(load, n.loadNames(), "loads with a name: ")
		}
		if is, _, _ := strings.Cut(of, "."); is != kind && n.loads[load+"."+is] == "" {
			return m, fmt.Sprintf("load %s has no %q", load, of), fmt.Sprintf("it is %s: its metrics begin with load.%s.%s.",
				kind, load, kind)
		}
	} else if n.loads[kind+"."] == "" {
		if kind == "dns" {
			return m, "no load looks a name up, and so there is no " + name, "loads with http.host do"
		}
		return m, fmt.Sprintf("no load is %s, and so there is no %s", kind, name), ""
	}
	m, ok := metric.Lookup(name)
	if !ok {
		return m, fmt.Sprintf("unknown metric %q", name), n.nearMetric(name, first)
	}
	return m, "", ""
}

// loadNames are the names of loads.
func (n *names) loadNames() (list []string) {
	for name := range maps.Keys(n.loads) {
		if !strings.Contains(name, ".") {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
