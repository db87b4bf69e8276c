package cross

import (
	"regexp"
	"strings"
)

// Metric is one that docs/reference/metrics.md names.
type Metric struct {
	Name string // such as http.planned, NODE.cpu.user or NODE.Tcp.InSegs; NODE.Icmp6.* where a group's names are not fixed
	Unit string
}

var (
	row   = regexp.MustCompile("^\\| `([^`]+)` \\| ([^ |]+) \\|")
	group = regexp.MustCompile(`^- \*\*(\w+)\*\*: (.*)$`)
)

// Catalogue reads the names of all metrics from the text of docs/reference/metrics.md: the first column of its
// tables, and the lists of the kernel's counters.
func Catalogue(text string) []Metric {
	var list []Metric
	for line := range strings.Lines(text) {
		if m := row.FindStringSubmatch(line); m != nil {
			list = append(list, Metric{m[1], m[2]})
		}
		if m := group.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			if strings.HasPrefix(m[2], "(") {
				list = append(list, Metric{"NODE." + m[1] + ".*", "1"})
				continue
			}
			for _, name := range strings.Fields(m[2]) {
				list = append(list, Metric{"NODE." + m[1] + "." + name, "1"})
			}
		}
	}
	return list
}

// Neither are the metrics of a catalogue that have no check and no reason, and Both those that have a check and a
// reason.
func Neither(list []Metric) (neither, both []string) {
	checked := map[string]bool{}
	for _, c := range Checks() {
		for _, m := range c.Metrics {
			checked[m] = true
		}
	}
	excused := map[string]bool{}
	for _, r := range Reasons {
		for _, m := range r.names() {
			excused[m] = true
		}
	}
	for _, m := range list {
		switch {
		case !checked[m.Name] && !excused[m.Name]:
			neither = append(neither, m.Name)
		case checked[m.Name] && excused[m.Name]:
			both = append(both, m.Name)
		}
	}
	return neither, both
}
