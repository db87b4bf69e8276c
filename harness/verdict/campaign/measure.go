package campaign

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ruleout/ruleout/harness/scenario/unit"
	"github.com/ruleout/ruleout/harness/scenario/yamldoc"
)

// measured is a hypothesis with its metric, and where that stands in the file.
type measured struct {
	Hypothesis
	at string
}

// measured lists what a hypothesis is tested by: its own metric, or those of the campaign that it names, in
// alphabetical order where it names none.
func (v *validation) measured(h *Hypothesis, path string) []measured {
	if h.Metric != "" {
		return []measured{{*h, path}}
	}
	names := h.Measures
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(v.Measures))
	}
	var list []measured
	for _, name := range names {
		m, one := v.Measures[name], *h
		one.Name += ", by " + name
		if one.Family == "" {
			one.Family = word.ReplaceAllString(h.Name, "…")
		}
		one.Metric, one.Direction, one.Margin, one.Absolute, one.Control = m.Metric, m.Direction, m.Margin,
			m.Absolute, m.Control
		list = append(list, measured{one, yamldoc.Join("measures", name)})
	}
	return list
}

func (v *validation) measures() {
	for _, name := range slices.Sorted(maps.Keys(v.Measures)) {
		path := yamldoc.Join("measures", name)
		if !shortName.MatchString(name) {
			v.FailKey(path, fmt.Sprintf("%s is not a measure's name", unit.Quote(name)),
				"a letter, then up to 31 letters, digits and dashes")
		}
		v.controlled(path, v.Measures[name].Control)
	}
}

// metric checks that a hypothesis has one, or measures, and not both.
func (v *validation) metric(path string, h *Hypothesis) {
	if h.Metric != "" {
		if len(h.Measures) > 0 {
			v.Fail(path+".measures", "a metric and measures", "measures have metrics of their own")
		}
		return
	}
	if len(v.Measures) == 0 || h.Kind == "mechanism" {
		v.Fail(path, "missing key \"metric\"", "")
		return
	}
	for i, name := range h.Measures {
		if v.Measures[name] == nil {
			v.Fail(fmt.Sprintf("%s.measures[%d]", path, i), fmt.Sprintf("no measure %s", unit.Quote(name)),
				yamldoc.NearHint(name, slices.Sorted(maps.Keys(v.Measures))))
		}
	}
	v.distinct(path+".measures", h.Measures)
	for _, key := range []string{"margin", "direction", "absolute", "control"} {
		if v.Written(path + "." + key) {
			v.Fail(path+"."+key, key+" goes with metric", "measures have theirs")
		}
	}
}

// controlled checks the name of a control.
func (v *validation) controlled(path, name string) {
	if name != "" && v.Controls[name] == nil {
		v.Fail(path+".control", fmt.Sprintf("no control %s", unit.Quote(name)),
			yamldoc.NearHint(name, slices.Sorted(maps.Keys(v.Controls))))
	}
}
